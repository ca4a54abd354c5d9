//! `deadpeer audit` against `ss`, on a namespace full of connections.

use anyhow::Result;

use super::beside::{self, Beside};
use super::sample::Sample;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each command runs; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of established sockets.
    #[arg(long, value_delimiter = ',', default_value = "50,40000,200000")]
    sockets: Vec<usize>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    beside::run("audit-beside", arguments.rounds, &arguments.sockets)
}

/// The commands that take turns.
const SS_ALL: usize = 0;
const SS: usize = 1;
const AUDIT: usize = 2;
const EACH: usize = 3;
const NO_OWNERS: usize = 4;

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    let deadpeer = beside.deadpeer()?;
    let commands: [&[&str]; 5] = [
        &["ss", "-tinop"],
        &["ss", "-tino"],
        &[deadpeer, "audit"],
        &[deadpeer, "audit", "--each"],
        &[deadpeer, "audit", "--no-owners"],
    ];
    let mut samples = [const { Vec::new() }; 5];
    for _ in 0..beside.rounds {
        for (command, samples) in commands.iter().zip(&mut samples) {
            samples.push(Sample::of(command)?);
        }
    }
    let medians = samples.map(|samples| Sample::median(&samples));
    let names = commands.map(|command| command.join(" ").replace(deadpeer, "deadpeer"));
    beside.print(&names.into_iter().zip(medians).collect::<Vec<_>>());
    let targets = targets(beside.sockets, &medians);
    targets.iter().for_each(Target::print);
    println!();
    Ok(targets.iter().all(Target::is_met))
}

/// A ratio or a figure that must not be exceeded.
struct Target {
    what: &'static str,
    measured: f64,
    most: f64,
}

impl Target {
    fn is_met(&self) -> bool {
        self.measured <= self.most
    }

    fn print(&self) {
        let word = if self.is_met() { "met" } else { "MISSED" };
        println!(
            "  {:<58} {:>8.3}, at most {:>7.3}: {word}",
            self.what, self.measured, self.most
        );
    }
}

fn targets(sockets: usize, medians: &[Sample; 5]) -> Vec<Target> {
    let cpu = |command: usize| medians[command].cpu.as_secs_f64();
    let target = |what, measured, most| Target {
        what,
        measured,
        most,
    };
    let settings = cpu(AUDIT) - cpu(NO_OWNERS);
    let mut targets = Vec::new();
    if sockets < 1_000 {
        let wall = medians[AUDIT].wall.as_secs_f64() * 1e3;
        targets.push(target("audit answers, wall clock in ms", wall, 20.0));
        return targets;
    }
    let share = if sockets >= 200_000 { 0.1 } else { 0.5 };
    targets.push(target("audit / ss -tinop", cpu(AUDIT) / cpu(SS_ALL), share));
    targets.push(target(
        "audit --each / (ss -tino + reading owners and settings)",
        cpu(EACH) / (cpu(SS) + settings),
        1.0,
    ));
    targets.push(target(
        "audit --no-owners / ss -tino",
        cpu(NO_OWNERS) / cpu(SS),
        1.0 / 3.0,
    ));
    let peak = medians[AUDIT].peak_kib as f64 / 1024.0;
    targets.push(target("audit, peak MiB", peak, 64.0));
    targets
}
