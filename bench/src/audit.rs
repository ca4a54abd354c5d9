//! `deadpeer audit` beside a namespace full of connections: against `ss` where they are many, and
//! by the better of its own means where they are few. As `ss` does, of this namespace alone. Then
//! of many namespaces, against one.

mod namespaces;

use anyhow::Result;

use super::beside::{self, Beside, Peers};
use super::sample::Sample;

pub(crate) use namespaces::{Arguments as Namespaces, sample};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each command runs; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of established sockets.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "50,1000,2000,4000,40000,200000"
    )]
    sockets: Vec<usize>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let alone = beside::run(
        "audit-beside",
        Peers::Here,
        arguments.rounds,
        &arguments.sockets,
    )?;
    Ok(namespaces::run(arguments.rounds)? && alone)
}

/// From so many sockets on `ss` is a fair rival: with fewer, both take no longer than starting a
/// process.
const MANY: usize = 10_000;

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    let deadpeer = beside.deadpeer()?;
    let targets = match beside.sockets < MANY {
        true => few(beside, deadpeer)?,
        false => many(beside, deadpeer)?,
    };
    targets.iter().for_each(Target::print);
    println!();
    Ok(targets.iter().all(Target::is_met))
}

/// By what it chooses itself, and by each of its means.
fn few(beside: &Beside, deadpeer: &str) -> Result<Vec<Target>> {
    let [audit, ebpf, descriptors] = in_turn(
        beside,
        [
            &[deadpeer, "audit", "--netns", "own"],
            &[deadpeer, "audit", "--netns", "own", "--bpf"],
            &[deadpeer, "audit", "--netns", "own", "--no-bpf"],
        ],
    )?;
    let better = ebpf.cpu.min(descriptors.cpu).as_secs_f64();
    let mut targets = vec![Target {
        what: "audit / the faster of its means",
        measured: audit.cpu.as_secs_f64() / better,
        most: 1.2,
    }];
    if beside.sockets < 1_000 {
        targets.push(Target {
            what: "audit answers, wall clock in ms",
            measured: audit.wall.as_secs_f64() * 1e3,
            most: 5.0,
        });
    }
    Ok(targets)
}

/// Against `ss`.
fn many(beside: &Beside, deadpeer: &str) -> Result<Vec<Target>> {
    let [ss_all, ss, audit, each, no_owners] = in_turn(
        beside,
        [
            &["ss", "-tinop"],
            &["ss", "-tino"],
            &[deadpeer, "audit", "--netns", "own"],
            &[deadpeer, "audit", "--netns", "own", "--each"],
            &[deadpeer, "audit", "--netns", "own", "--no-owners"],
        ],
    )?;
    let cpu = |sample: Sample| sample.cpu.as_secs_f64();
    let most = if beside.sockets >= 200_000 { 0.1 } else { 0.5 };
    Ok(vec![
        Target {
            what: "audit / ss -tinop",
            measured: cpu(audit) / cpu(ss_all),
            most,
        },
        Target {
            what: "audit / ss -tino, which shows neither owner nor setting",
            measured: cpu(audit) / cpu(ss),
            most: 0.45,
        },
        Target {
            what: "audit --each / ss -tino",
            measured: cpu(each) / cpu(ss),
            most: 0.8,
        },
        Target {
            what: "audit --no-owners / ss -tino",
            measured: cpu(no_owners) / cpu(ss),
            most: 1.0 / 3.0,
        },
        Target {
            what: "audit, peak MiB",
            measured: audit.peak_kib as f64 / 1024.0,
            most: 40.0,
        },
    ])
}

/// Runs commands in turn, prints the median of each and returns it.
fn in_turn<const N: usize>(beside: &Beside, commands: [&[&str]; N]) -> Result<[Sample; N]> {
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..beside.rounds {
        for (command, samples) in commands.iter().zip(&mut samples) {
            samples.push(Sample::of(command)?);
        }
    }
    let medians = samples.map(|samples| Sample::median(&samples));
    let deadpeer = beside.deadpeer()?;
    let names = commands.map(|command| command.join(" ").replace(deadpeer, "deadpeer"));
    beside.print(&names.into_iter().zip(medians).collect::<Vec<_>>());
    Ok(medians)
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
