//! Every test of the workspace: built by cargo, and its binaries run [side by side](lanes), because
//! most of what they do is wait.
//!
//! Tests on real kernels wait for real timers. On a machine that somebody else keeps busy a
//! deadline can pass while the test is not running, so a target of such a crate that fails is run
//! once more, alone, and named as unsteady if it passes then. Pure crates have no such excuse.
//!
//! Every test binary has a bound, so that nothing hangs for ever, and starts with the signals as
//! they are by default, whatever nohup(1) or a shell's background job ignores.

mod binary;
mod build;
mod lanes;
mod target;

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result};
use deadpeer_workspace::root;

use crate::tidy;
use binary::{Binary, Runner};
use target::Target;

/// Those that measure what other tests would disturb.
const ALONE: [&str; 3] = [
    "-p deadpeer-lab --test delays",
    "-p deadpeer-lab --test matrix",
    "-p deadpeer-lab --test throughput",
];

/// The longest, the very longest first: they begin before the others, so that none is left at the
/// end.
const LONGEST: [&str; 11] = [
    "-p deadpeer-cli --test servers",
    "-p deadpeer-cli --test protect",
    "-p deadpeer-cli --test guard",
    "-p deadpeer-cli --test printed",
    "-p deadpeer-examples --test readme",
    "-p deadpeer-c --test programs",
    "-p deadpeer-cli --test asking",
    "-p deadpeer-cli --test kernels",
    "-p deadpeer-cli --test set_later",
    "-p deadpeer-cli --test containers",
    "-p xtask --bin xtask",
];

pub(super) fn run() -> Result<bool> {
    let Some(binaries) = build::binaries()? else {
        return Ok(false);
    };
    let runner = Runner::from_environment()?;
    let (alone, together) = in_order(binaries)?;
    let start = Instant::now();
    let mut failed = lanes::run(&together, lanes::at_once(), &runner)?;
    failed.extend(lanes::run(&alone, 1, &runner)?);
    println!("== {} s for the binaries", start.elapsed().as_secs());
    let documentation = build::documentation(&runner)?;
    if !documentation.passed && documentation.failed.is_empty() {
        // It does not build.
        return Ok(false);
    }
    let mut targets: Vec<_> = failed.iter().map(|binary| &binary.target).collect();
    targets.extend(&documentation.failed);
    if targets.is_empty() {
        return Ok(true);
    }
    let pure = tidy::pure_crates(&root())?;
    if targets.iter().any(|target| !target.may_be_unsteady(&pure)) {
        return Ok(false);
    }
    again(&failed, &documentation.failed, &runner)
}

/// Those that need the machine alone, and the others, the longest first.
fn in_order(binaries: Vec<Binary>) -> Result<(Vec<Binary>, Vec<Binary>)> {
    for name in ALONE.iter().chain(&LONGEST) {
        let is_built = binaries.iter().any(|binary| binary.target.0 == *name);
        anyhow::ensure!(is_built, "there is no test binary {name}");
    }
    let is_alone = |binary: &Binary| ALONE.contains(&binary.target.0.as_str());
    let (alone, mut together): (Vec<_>, Vec<_>) = binaries.into_iter().partition(is_alone);
    together.sort_by_key(|binary| {
        let place = LONGEST.iter().position(|name| binary.target.0 == *name);
        place.unwrap_or(LONGEST.len())
    });
    Ok((alone, together))
}

fn again(binaries: &[&Binary], documentation: &[Target], runner: &Runner) -> Result<bool> {
    let mut unsteady = Vec::new();
    for binary in binaries {
        announce(&binary.target)?;
        if !binary
            .command(runner)
            .status()
            .context("starting it")?
            .success()
        {
            return Ok(false);
        }
        unsteady.push(binary.target.0.as_str());
    }
    if !documentation.is_empty() && !build::documentation(runner)?.passed {
        return Ok(false);
    }
    unsteady.extend(documentation.iter().map(|target| target.0.as_str()));
    println!("UNSTEADY: passed only alone: {}", unsteady.join(", "));
    Ok(true)
}

fn announce(target: &Target) -> Result<()> {
    println!("== once more, alone: {}", target.0);
    std::io::stdout().flush().context("writing")
}
