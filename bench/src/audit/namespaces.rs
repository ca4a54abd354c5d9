//! A machine with many network namespaces against one with as many sockets in a single one.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{output, target_directory};

use crate::beside::{self, Beside};
use crate::sample::Sample;
use crate::target::at_most;

/// Of so many namespaces
const NAMESPACES: usize = 200;
/// with so many sockets together,
const SOCKETS: usize = 200_000;
/// all of them may take at most so many times what one does that has as many.
const MOST: f64 = 1.5;

/// Returns whether the target was met.
pub(super) fn run(rounds: usize) -> Result<bool> {
    beside::build()?;
    let namespaces = NAMESPACES.to_string();
    let one = beside_sockets(&[], "own", rounds)?;
    let many = beside_sockets(&["--namespaces", &namespaces], "all", rounds)?;
    println!("{SOCKETS} sockets, median of {rounds} rounds");
    beside::print_medians(&[
        ("in one namespace".to_owned(), one),
        (format!("in {NAMESPACES} namespaces"), many),
    ]);
    let times = many.cpu_ms / one.cpu_ms;
    let met = at_most("audit of all namespaces / of one", times, MOST);
    println!();
    Ok(met)
}

/// What an audit takes beside sockets of this shape.
fn beside_sockets(shape: &[&str], netns: &str, rounds: usize) -> Result<Sample> {
    let release = target_directory()?.join("release");
    let mut population = Command::new(release.join("examples/population"));
    population.args(shape).arg(SOCKETS.to_string());
    population.arg(std::env::current_exe()?);
    population.args([
        "audit-sample",
        "--sockets",
        "0",
        "--rounds",
        &rounds.to_string(),
    ]);
    population.arg("--deadpeer").arg(release.join("deadpeer"));
    population.args(["--netns", netns]);
    Sample::parse(&output(&mut population).context("the population")?)
}

/// The part that runs beside the sockets.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    beside: Beside,
    #[arg(long)]
    netns: String,
}

/// Prints the median of some audits.
pub(crate) fn sample(arguments: &Arguments) -> Result<bool> {
    let deadpeer = arguments.beside.deadpeer()?;
    let command = [deadpeer, "audit", "--netns", &arguments.netns];
    ensure!(arguments.beside.rounds > 0, "--rounds must be at least 1");
    let medians = Sample::medians(&[&command], arguments.beside.rounds)?;
    println!("{}", medians[0]);
    Ok(true)
}
