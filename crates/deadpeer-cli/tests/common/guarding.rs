//! A guard with a directory of its own, and what it says of itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, deadpeer, ran, read_back};

/// Long enough for anything, on a busy machine too.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Where its configuration, its history, its socket and its log are.
pub(crate) struct Guarding(TempDir);

impl Guarding {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What is its own, with the state of deadpeer in it.
    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("guard.toml")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.path().join("guard.log")
    }

    /// What it has logged.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The command, as this guard has it.
    pub(crate) fn deadpeer(&self, args: &[&str]) -> Command {
        let mut command = deadpeer(args);
        command.env("RUNTIME_DIRECTORY", self.0.path());
        command.env("XDG_STATE_HOME", self.0.path());
        command
    }

    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    /// The command that guards by this configuration, with what else it is told.
    pub(crate) fn command(&self, text: &str, args: &[&str]) -> Command {
        self.configure(text);
        let config = self.config();
        let config = ["guard", "--config", config.to_str().unwrap()];
        let mut command = self.deadpeer(&[&config, args].concat());
        command.stderr(File::create(self.log()).unwrap());
        command.env("DEADPEER_LOG", "debug");
        command
    }

    /// Until it has swept.
    pub(crate) fn begun(&self) {
        let bound = Instant::now() + BOUND;
        while !self
            .ask("status")
            .is_some_and(|status| status["sweeps"] != 0)
        {
            self.wait(bound, "no guard");
        }
    }

    /// What the running guard answers.
    pub(crate) fn ask(&self, word: &str) -> Option<Value> {
        let ran = self.run(&["guard", word, "--json"]);
        (ran.code == 0).then(|| read_back(ran.stdout.trim()))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.deadpeer(args).output())
    }

    /// Until the guard's status is as wanted.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let bound = Instant::now() + BOUND;
        loop {
            if let Some(status) = self.ask("status").filter(&holds) {
                return status;
            }
            self.wait(bound, what);
        }
    }

    pub(crate) fn wait(&self, bound: Instant, what: &str) {
        if Instant::now() >= bound {
            panic!("{what}: {:?}\n{}", self.ask("status"), self.logged());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
