//! What the tests look at: the options of a socket, and runs with an undo file of their own.

use std::path::{Path, PathBuf};

use std::os::fd::AsFd;

use deadpeer_core::Effective;
use deadpeer_sys::sockopt;
use serde_json::Value;

use crate::common::{Ran, deadpeer, of_type, ran};

/// A folder for undo files; gone with the test.
#[derive(Debug)]
pub(crate) struct Undo(tempfile::TempDir);

impl Undo {
    pub(crate) fn new() -> Self {
        // In memory: a busy disk takes its time to say that a file is on it.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self(folder.expect("a folder for undo files"))
    }

    /// Runs `deadpeer protect` with this folder for its state.
    pub(crate) fn protect(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output())
    }

    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        self.verb("protect", args)
    }

    /// Any verb with this folder for its state.
    pub(crate) fn verb(&self, verb: &str, args: &[&str]) -> std::process::Command {
        let mut command = deadpeer(&[&[verb], args].concat());
        command.env("XDG_STATE_HOME", self.0.path());
        command
    }

    /// The JSON lines of a run that must end with this code.
    pub(crate) fn lines(&self, code: i32, args: &[&str]) -> Vec<Value> {
        let ran = self.protect(&[&["--json"], args].concat());
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (code, ""),
            "{}",
            ran.stdout
        );
        let lines = ran.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }

    /// The last line of such a run.
    pub(crate) fn summary(&self, code: i32, args: &[&str]) -> Value {
        let lines = self.lines(code, args);
        let [summary] = &of_type(&lines, "protect_summary")[..] else {
            panic!("one summary: {lines:?}");
        };
        summary.clone()
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("deadpeer")
    }

    /// The undo files that there are.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder()).into_iter().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Undoes the only file.
    pub(crate) fn undo(&self, more: &[&str]) -> Value {
        let [file] = &self.files()[..] else {
            panic!("one undo file: {:?}", self.files());
        };
        self.undo_file(file, more)
    }

    /// Undoes whatever a run that was killed has left, which `--list` must know.
    pub(crate) fn undo_all(&self, more: &[&str]) {
        let listed = self.protect(&["--list"]);
        assert!(
            [0, 3].contains(&listed.code),
            "{}{}",
            listed.stdout,
            listed.stderr
        );
        for file in self.files() {
            let name = file.to_str().unwrap();
            // One that was not in its place yet knows of nothing that was changed.
            if name.ends_with(".undo.json") {
                assert!(listed.stdout.contains(name), "{}", listed.stdout);
                self.undo_file(&file, more);
            }
        }
    }

    pub(crate) fn undo_file(&self, file: &Path, more: &[&str]) -> Value {
        let file = file.to_str().unwrap();
        let lines = self.lines(0, &[&["--undo", file, "--yes"], more].concat());
        let [undone] = &of_type(&lines, "undone")[..] else {
            panic!("one line: {lines:?}");
        };
        undone.clone()
    }
}

/// Everything that is in force.
pub(crate) fn options(socket: impl AsFd) -> Effective {
    sockopt::effective(socket).expect("a TCP socket")
}

/// Both ways to change sockets, where this machine has both: flags that choose each.
pub(crate) fn ways() -> Vec<&'static [&'static str]> {
    let mut ways: Vec<&[&str]> = vec![&["--no-bpf"]];
    if has_bpf() {
        ways.push(&[]);
    }
    ways
}

/// Whether options can be set from within the kernel here.
pub(crate) fn has_bpf() -> bool {
    let mut table = deadpeer_host::Table::open(&deadpeer_host::Namespace::Own).unwrap();
    match table.use_bpf() {
        Ok(()) => true,
        Err(error) => {
            deadpeer_sys::testing::skip(&format!("no eBPF: {error}"));
            false
        }
    }
}
