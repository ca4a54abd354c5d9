//! A test binary, and how it is started.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::target::Target;

/// A program that every test binary is run through, such as `unshare -Ur`.
const RUNNER: &str = "DEADPEER_TEST_RUNNER";

/// Longest time for one test binary, in seconds: five times what the longest takes on two cores.
const BOUND: u32 = 900;

/// A test binary that cargo has built.
#[derive(Debug)]
pub(super) struct Binary {
    pub(super) target: Target,
    pub(super) executable: PathBuf,
    /// Its package's, where cargo runs it.
    pub(super) folder: PathBuf,
}

impl Binary {
    /// Runs all its tests.
    pub(super) fn command(&self, runner: &Runner) -> Command {
        let mut words = runner.0.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("env"));
        command.args(words).arg(&self.executable);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// The commands in front of each test binary, with blanks between.
#[derive(Debug)]
pub(super) struct Runner(pub(super) String);

impl Runner {
    pub(super) fn from_environment() -> Result<Self> {
        let bounded = format!("env --default-signal timeout --foreground --kill-after=10 {BOUND}");
        match std::env::var(RUNNER) {
            Ok(outer) => Ok(Self(format!("{outer} {bounded}"))),
            Err(std::env::VarError::NotPresent) => Ok(Self(bounded)),
            Err(error) => Err(error).context(RUNNER),
        }
    }
}
