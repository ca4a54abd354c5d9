//! `cargo xtask guard-story`: a machine with four programs in containers under a guard that
//! observes, and then under one that enforces; docs/guard.md has what it tells.
//!
//! It is a test of `crates/deadpeer-cli/tests/guard_story`, which runs in namespaces of its own.
//! Needs root and the programs.

use anyhow::{Context as _, Result};
use deadpeer_workspace::cargo;

/// Returns whether everything came out as it has to.
pub(crate) fn run() -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let told = folder.path().join("story");
    let mut test = cargo();
    test.args(["test", "--package", "deadpeer-cli", "--test", "guard_story"]);
    test.args(["--", "--ignored", "--nocapture"]);
    test.env("DEADPEER_STORY", &told);
    // One that is skipped would tell nothing.
    test.env("DEADPEER_NO_SKIP", "1");
    if !test.status().context("starting cargo")?.success() {
        return Ok(false);
    }
    print!("{}", std::fs::read_to_string(told)?);
    Ok(true)
}
