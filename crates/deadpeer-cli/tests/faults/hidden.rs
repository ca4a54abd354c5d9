//! Runs of the command on a machine that lacks a directory: an empty file system lies over it, for
//! that run alone.

use std::process::{Command, Stdio};

use deadpeer_sys::testing::skip;

use crate::common::{Ran, ran};

/// A directory that the runs don't see.
#[derive(Debug)]
pub(crate) struct Hidden {
    directory: &'static str,
    /// All that root may do there; `None`: everything.
    capabilities: Option<&'static str>,
}

impl Hidden {
    /// `None` where nothing can be mounted.
    pub(crate) fn new(directory: &'static str, capabilities: Option<&'static str>) -> Option<Self> {
        let hidden = Self {
            directory,
            capabilities,
        };
        match hidden.command("true", &[]).output() {
            Ok(output) if output.status.success() => Some(hidden),
            failed => {
                skip(&format!("{directory} can't be hidden: {failed:?}"));
                None
            }
        }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.deadpeer(args).output())
    }

    pub(crate) fn deadpeer(&self, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_deadpeer"), args)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let script = format!("mount -t tmpfs none {} && exec \"$@\"", self.directory);
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                &script,
                "sh",
            ])
            .stdin(Stdio::null());
        if let Some(capabilities) = self.capabilities {
            command
                .args(["setpriv", "--inh-caps=-all", "--ambient-caps=-all"])
                .arg(format!("--bounding-set=-all,{capabilities}"));
        }
        command.arg(program).args(args);
        command
    }
}
