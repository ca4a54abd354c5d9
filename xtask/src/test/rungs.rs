//! Every test of the workspace, by `cargo test`.
//!
//! Tests on real kernels wait for real timers. On a machine that somebody else keeps busy a
//! deadline can pass while the test is not running, so a target of such a crate that fails is run
//! once more, alone, and named as unsteady if it passes then. Pure crates have no such excuse.
//!
//! Every test binary has a bound, so that nothing hangs for ever, and starts with the signals as
//! they are by default, whatever nohup(1) or a shell's background job ignores.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use deadpeer_workspace::{cargo, output, root};

use crate::tidy;

/// A program that every test binary is run through, such as `unshare -Ur`.
const RUNNER: &str = "DEADPEER_TEST_RUNNER";

/// Longest time for one test binary, in seconds: five times what the longest takes on two cores.
const BOUND: u32 = 900;

/// After so long without a word of cargo, linking for instance, it is said what goes on.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) fn run() -> Result<bool> {
    let (passed, failed) = attempt(&["--workspace"])?;
    if passed {
        return Ok(true);
    }
    let pure = tidy::pure_crates(&root())?;
    let hopeless = failed.is_empty() || failed.iter().any(|target| !target.may_be_unsteady(&pure));
    if hopeless {
        return Ok(false);
    }
    again(&failed)
}

fn again(failed: &[Target]) -> Result<bool> {
    let mut unsteady = Vec::new();
    for target in failed {
        println!("== once more, alone: {}", target.0);
        std::io::stdout().flush().context("writing")?;
        let arguments: Vec<_> = target.0.split(' ').collect();
        if !attempt(&arguments)?.0 {
            return Ok(false);
        }
        unsteady.push(target.0.as_str());
    }
    println!("UNSTEADY: passed only alone: {}", unsteady.join(", "));
    Ok(true)
}

/// What cargo calls a failed target: `-p deadpeer-sys --test sockopt`.
struct Target(String);

impl Target {
    /// From cargo's advice: ``error: test failed, to rerun pass `-p deadpeer-sys --lib` ``.
    fn named_in(line: &str) -> Option<Self> {
        let (_, advice) = line.split_once("to rerun pass `")?;
        let (target, _) = advice.split_once('`')?;
        Some(Self(target.to_owned()))
    }

    fn may_be_unsteady(&self, pure: &[String]) -> bool {
        let mut words = self.0.split(' ').skip_while(|word| *word != "-p");
        let package = words.nth(1);
        package.is_some_and(|package| !pure.iter().any(|name| name == package))
    }
}

/// Whether all passed, and the targets that did not.
fn attempt(which: &[&str]) -> Result<(bool, Vec<Target>)> {
    let mut test = cargo();
    test.args(["test", "--all-features", "--no-fail-fast"]);
    test.args(which);
    test.env(runner_variable()?, runner()?);
    if std::io::stderr().is_terminal() {
        test.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = test
        .stderr(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let errors = child.stderr.take().context("cargo has no standard error")?;
    let failed = follow(errors)?;
    let status = child.wait().context("waiting for cargo")?;
    Ok((status.success(), failed))
}

/// Repeats what cargo says, and in its long silences what it said last.
fn follow(errors: ChildStderr) -> Result<Vec<Target>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(errors).split(b'\n') {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let (mut failed, mut last, mut said) = (Vec::new(), String::new(), Instant::now());
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                last = String::from_utf8_lossy(&line.context("reading from cargo")?).into_owned();
                said = Instant::now();
                eprintln!("{last}");
                failed.extend(Target::named_in(&last));
            }
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("== {} s since: {}", said.elapsed().as_secs(), last.trim());
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(failed),
        }
    }
}

/// The commands in front of each test binary, for cargo to split at blanks.
fn runner() -> Result<String> {
    let bounded = format!("env --default-signal timeout --foreground --kill-after=10 {BOUND}");
    match std::env::var(RUNNER) {
        Ok(outer) => Ok(format!("{outer} {bounded}")),
        Err(std::env::VarError::NotPresent) => Ok(bounded),
        Err(error) => Err(error).context(RUNNER),
    }
}

/// What cargo calls the runner of this machine's binaries.
fn runner_variable() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc -vV names no host")?;
    let target = host.to_uppercase().replace('-', "_");
    Ok(format!("CARGO_TARGET_{target}_RUNNER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_what_failed() {
        let line = "error: test failed, to rerun pass `-p deadpeer-c --test server`";
        let target = Target::named_in(line).unwrap();
        assert_eq!(target.0, "-p deadpeer-c --test server");
        assert!(target.may_be_unsteady(&["deadpeer-core".into()]));
        assert!(Target::named_in("error: 1 target failed:").is_none());
    }

    #[test]
    fn pure_crates_get_no_second_chance() {
        let pure = ["deadpeer-core".to_owned()];
        assert!(!Target("-p deadpeer-core --lib".into()).may_be_unsteady(&pure));
        assert!(!Target("--lib".into()).may_be_unsteady(&pure));
    }
}
