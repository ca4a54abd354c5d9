//! The eBPF programs against their targets: what they cost the machine.
//!
//! The workload is `crates/deadpeer-bpf/examples/load.rs`, in which connections with and without a
//! program take turns of a few milliseconds: a machine that others keep busy changes its pace more
//! slowly than that. A cost is the difference of the median turns, the median over several runs.

mod ends;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{build_release, output, target_directory};

use super::median;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each workload runs; the median counts.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// The number of established sockets to dump and to set options on.
    #[arg(long, default_value_t = 200_000)]
    sockets: usize,
}

/// The same, beside the sockets.
#[derive(clap::Args)]
pub(crate) struct Beside {
    #[arg(long)]
    load: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let examples = ["--example", "load", "--example", "burst"];
    let crates = ["-p", "deadpeer-bpf", "-p", "deadpeer-host"];
    build_release(
        &[
            &["--quiet", "--example", "population"],
            &examples[..],
            &crates,
        ]
        .concat(),
    )?;
    let examples = target_directory()?.join("release/examples");
    let load = examples.join("load");
    let ends = ends::measure(&load, arguments.rounds)? & ends::burst(&examples.join("burst"))?;
    let status = Command::new(examples.join("population"))
        .arg(arguments.sockets.to_string())
        .arg(std::env::current_exe()?)
        .args(["host-beside", "--load"])
        .arg(&load)
        .status()
        .context("starting the population")?;
    Ok(ends & status.success())
}

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    table::measure(&beside.load)
}

/// Runs a workload, and returns the numbers that it printed.
fn numbers<const N: usize>(load: &Path, arguments: &[&str]) -> Result<[f64; N]> {
    median::numbers(&output(Command::new(load).args(arguments))?)
}
