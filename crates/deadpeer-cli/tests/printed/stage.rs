//! The stage: namespaces with the programs that commands name.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use deadpeer_sys::testing::skip;

/// No play takes longer, on a busy machine too; the longest is about that of the longest
/// `deadpeer test`.
const BOUND: &str = "600";

/// What was played.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    /// The exit code of each command, by its number.
    pub(crate) codes: BTreeMap<usize, i32>,
    /// What the stage itself said.
    pub(crate) complaints: String,
}

impl Stage {
    /// Runs lines of the stage's shell; `None` where there is no room for it.
    pub(crate) fn play(lines: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("the stage takes root: its own mounts, processes and network");
            return None;
        }
        for program in ["redis-server", "script", "jq"] {
            if Command::new(program).arg("--version").output().is_err() {
                skip(&format!("{program} is not installed"));
                return None;
            }
        }
        if fs::read_dir("/usr/lib/postgresql").is_err() {
            skip("postgres is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("stage.sh");
        let script = include_str!("stage.sh").to_owned() + lines;
        fs::write(
            &path,
            script + "[[ -z ${tests[*]} ]] || wait \"${tests[@]}\"\nexit 0\n",
        )
        .unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let ran = Command::new("timeout")
            .args(["-k", "5", BOUND, "unshare", "--mount", "--pid", "--net"])
            .args(["--ipc", "--fork", "--mount-proc", "--kill-child", "bash"])
            .arg(&path)
            .current_dir(folder.path())
            .env("DEADPEER", env!("CARGO_BIN_EXE_deadpeer"))
            .env("REPOSITORY", repository.canonicalize().unwrap())
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        Some(Self {
            folder,
            codes: told.lines().filter_map(told_code).collect(),
            complaints: String::from_utf8_lossy(&ran.stderr).into_owned(),
        })
    }

    /// What a command said.
    pub(crate) fn said(&self, number: usize) -> String {
        let said = fs::read(self.folder.path().join(format!("{number}.said")));
        String::from_utf8_lossy(&said.unwrap_or_default()).into_owned()
    }
}

/// A line of the stage's shell: how a command is run, and which.
pub(crate) fn line(how: &str, number: usize, typed: &str) -> String {
    let quoted = shlex::try_quote(typed).unwrap();
    format!("{how} {number} {quoted}\n")
}

fn told_code(line: &str) -> Option<(usize, i32)> {
    let (number, code) = line.split_once(' ')?;
    Some((number.parse().ok()?, code.parse().ok()?))
}
