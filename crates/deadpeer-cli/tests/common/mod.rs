//! What the tests of the command share: running it, and things to look at.
#![allow(
    dead_code,
    reason = "every test file compiles this module and uses a part of it"
)]

pub(crate) mod capabilities;
pub(crate) mod cgroups;
pub(crate) mod guarding;
pub(crate) mod multipath;
pub(crate) mod population;
pub(crate) mod room;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The command under test, with an environment that does not depend on who runs the test.
pub(crate) fn deadpeer(args: &[&str]) -> Command {
    deadpeer_sys::testing::heed_signals();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
    command.args(args).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(variable);
    }
    // Whatever it remembers, it does not among what the user has.
    command.env(
        "XDG_STATE_HOME",
        std::env::temp_dir().join("deadpeer-tests"),
    );
    command
}

/// Keeps every connection still to come under a deadline.
pub(crate) const PROTECT_ALL_TO_COME: [&str; 6] = [
    "protect",
    "--new-connections",
    "--all",
    "--within",
    "30s",
    "--yes",
];

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command to its end.
pub(crate) fn run(args: &[&str]) -> Ran {
    ran(deadpeer(args).output())
}

/// What an ended run came to.
///
/// # Panics
/// If it could not be started, was killed, or wrote anything but UTF-8.
pub(crate) fn ran(output: std::io::Result<Output>) -> Ran {
    let output = output.expect("deadpeer starts");
    Ran {
        code: output.status.code().expect("deadpeer is not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}

/// Every verb, as the help lists them.
pub(crate) fn verbs(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| !line.starts_with("Verbs:"));
    let listed = listed.skip(1).take_while(|line| !line.is_empty());
    // What goes on in a second line stands further in.
    let verbs = listed.filter_map(|line| line.strip_prefix("  "));
    let verbs = verbs.filter_map(|line| line.split(' ').next());
    verbs
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .collect()
}

/// Runs the command with `--json` and reads its lines, each of which is a record that can be read
/// back.
pub(crate) fn json(args: &[&str]) -> Vec<serde_json::Value> {
    let ran = run(args);
    assert_eq!(ran.stderr, "");
    let lines = ran.stdout.lines();
    lines.map(read_back).collect()
}

/// A line of JSON, once it was read as a record and written again without a difference.
///
/// # Panics
/// If it is no line that `schemas/` knows.
pub(crate) fn read_back(line: &str) -> serde_json::Value {
    let value: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    let record: deadpeer_report::record::Line =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let again = serde_json::to_value(&record).expect("a record is JSON");
    assert_eq!(again, value, "{line}");
    value
}

/// The lines with this `type`.
pub(crate) fn of_type(lines: &[serde_json::Value], kind: &str) -> Vec<serde_json::Value> {
    lines
        .iter()
        .filter(|line| line["type"] == kind)
        .cloned()
        .collect()
}

/// Where a program is; Debian's administrative folders count even if PATH lacks them.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
