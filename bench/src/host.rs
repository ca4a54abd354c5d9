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
use deadpeer_workspace::{cargo, output, target_directory};

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
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--example", "population"]);
    build.args([
        "--example",
        "load",
        "--example",
        "burst",
        "-p",
        "deadpeer-bpf",
        "-p",
        "deadpeer-host",
    ]);
    ensure!(build.status()?.success(), "the build failed");
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
fn numbers(load: &Path, arguments: &[&str]) -> Result<Vec<f64>> {
    let text = output(Command::new(load).args(arguments))?;
    let numbers = text.split_whitespace().map(str::parse);
    numbers.collect::<Result<_, _>>().context("numbers")
}

/// A figure, and what it may be at most.
fn target(what: &str, measured: f64, most: f64) -> bool {
    let met = measured <= most;
    println!(
        "  {what:<62} {measured:>9.3}, at most {most:>7.3}: {}",
        word(met)
    );
    met
}

/// A figure, and what it must be at least.
fn at_least(what: &str, measured: f64, least: f64) -> bool {
    let met = measured >= least;
    println!(
        "  {what:<62} {measured:>9.0}, at least {least:>6.0}: {}",
        word(met)
    );
    met
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
