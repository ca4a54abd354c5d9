//! The guard on the server's host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer_lab::{Host, Process};
use deadpeer_report::record::GuardStatus;
use deadpeer_workspace::{build_release, output, target_directory};
use tempfile::TempDir;

/// How long it may take to see and to ask everybody.
const BEGIN: Duration = Duration::from_secs(60);

pub(super) struct Guard {
    deadpeer: PathBuf,
    directory: TempDir,
    _process: Process,
}

/// Builds the command.
pub(super) fn build() -> Result<PathBuf> {
    build_release(&["--quiet", "-p", "deadpeer-cli"])?;
    Ok(target_directory()?.join("release/deadpeer"))
}

impl Guard {
    /// Begins to guard, and has asked as many connections as there are when it returns.
    pub(super) fn start(
        deadpeer: PathBuf,
        host: &Host,
        deadline: Duration,
        asked: usize,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("guard.toml");
        fs::write(&config, policy(deadline))?;
        let mut command = command(&deadpeer, directory.path());
        command
            .args(["guard", "--netns", "own", "--config"])
            .arg(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(directory.path().join("log"))?);
        let guard = Self {
            _process: host.spawn(&mut command)?,
            deadpeer,
            directory,
        };
        let bound = Instant::now() + BEGIN;
        while guard
            .status()
            .is_ok_and(|status| status.changed < asked as u64)
            || guard.status().is_err()
        {
            ensure!(
                Instant::now() < bound,
                "it does not begin:\n{}",
                guard.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(guard)
    }

    /// How it stands.
    pub(super) fn status(&self) -> Result<GuardStatus> {
        let mut ask = command(&self.deadpeer, self.directory.path());
        let told = output(ask.args(["guard", "status", "--json"]))?;
        serde_json::from_str(told.trim()).context("a status")
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

fn command(deadpeer: &Path, directory: &Path) -> Command {
    let mut command = Command::new(deadpeer);
    command.env("RUNTIME_DIRECTORY", directory);
    command.env("XDG_STATE_HOME", directory);
    command
}

fn policy(deadline: Duration) -> String {
    let seconds = deadline.as_secs();
    format!(
        "[[policy]]\nname = \"all\"\ndeadline = \"{seconds}s\"\nsupervise = \"enforce\"\nkill = \"enforce\"\nkills-per-minute = 100000\n"
    )
}
