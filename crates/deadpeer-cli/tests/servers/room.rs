//! A folder with the command in it, and whoever runs it there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deadpeer_sys::testing::skip;

use crate::common::{Ran, ran};
use crate::report::Report;

/// The user nobody, by number.
const NOBODY: u32 = 65534;

/// A folder of one test, which belongs to who runs the command.
pub(crate) struct Room {
    folder: tempfile::TempDir,
    as_root: bool,
}

impl Room {
    /// A room for nobody, or for the caller unless that is root.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // By a process of its own: a file that this one has open for writing can't be run
        // (ETXTBSY), and a thread may fork just then.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_deadpeer"))
            .arg(folder.path().join("deadpeer"))
            .status();
        assert!(copied.unwrap().success());
        let room = Self {
            folder,
            as_root: false,
        };
        room.give(room.path());
        room
    }

    /// A room for who runs the tests, root or not.
    pub(crate) fn of_caller() -> Self {
        Self {
            as_root: true,
            ..Self::new()
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file into it and says where.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        self.give(&path);
        path
    }

    /// A command that is run there as the room's user.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if is_root() && !self.as_root {
            command = Command::new("setpriv");
            let id = NOBODY.to_string();
            command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
            command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]);
            command.arg(program.as_ref());
        }
        command
            .current_dir(self.path())
            .env("HOME", self.path())
            .stdin(Stdio::null());
        command
    }

    /// `deadpeer test` with these arguments, a blank between each two, and this server.
    pub(crate) fn deadpeer(&self, args: &str, server: &[&str]) -> Command {
        let mut command = self.command(self.path().join("deadpeer"));
        command.arg("test").args(args.split_whitespace());
        command.arg("--").args(server);
        command
    }

    /// What it came to; `None` where no namespaces can be made.
    pub(crate) fn run(&self, args: &str, server: &[&str]) -> Option<Ran> {
        self.run_with(self.deadpeer(args, server))
    }

    /// The same of a command that was changed.
    pub(crate) fn run_with(&self, mut command: Command) -> Option<Ran> {
        let ran = ran(command.output());
        if ran.stderr.contains("no private namespaces") {
            skip(&ran.stderr);
            return None;
        }
        Some(ran)
    }

    /// The report of a test that was held.
    pub(crate) fn test(&self, args: &str, server: &[&str]) -> Option<Report> {
        let ran = self.run(&format!("--json {args}"), server)?;
        assert_eq!(ran.stderr, "", "{}", ran.stdout);
        Some(Report::read(&ran))
    }

    fn give(&self, path: &Path) {
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where a program is; Debian's administrative folders count even if PATH lacks them. Skips where
/// it is not installed.
pub(crate) fn installed(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    // Programs under /root are no programs for nobody.
    let mut files = folders
        .map(|folder| folder.join(name))
        .filter(|file| file.is_file() && !file.starts_with("/root"));
    let found = files.find_map(|file| file.to_str().map(str::to_owned));
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}
