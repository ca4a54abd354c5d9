//! A machine with many network namespaces against one with as many sockets in a single one.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{output, target_directory};

use super::Target;
use crate::beside::{self, Beside};
use crate::sample::Sample;

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
    let target = Target {
        what: "audit of all namespaces / of one",
        measured: many.cpu.as_secs_f64() / one.cpu.as_secs_f64(),
        most: MOST,
    };
    target.print();
    println!();
    Ok(target.is_met())
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
    let text = output(&mut population).context("the population")?;
    let sample: Option<Sample> = text.trim().parse().ok();
    sample.context("a sample")
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
    let samples: Result<Vec<Sample>> = (0..arguments.beside.rounds)
        .map(|_| Sample::of(&command))
        .collect();
    let samples = samples?;
    ensure!(!samples.is_empty(), "--rounds must be at least 1");
    println!("{}", Sample::median(&samples));
    Ok(true)
}
