//! Timers of many connections whose deadline moves at every message: deadpeer's against what people
//! use.

mod contender;
mod rivals;
mod run;

use std::process::Command;

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use deadpeer_workspace::output;

use crate::median::{median, numbers};
use crate::target::{at_least, at_most};
use contender::Contender;
pub(super) use run::one;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each contender runs; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections, each heard once a second.
    #[arg(long, default_value_t = 1_000_000)]
    connections: u32,
}

/// One contender, once.
#[derive(clap::Args)]
pub(crate) struct One {
    #[arg(long)]
    connections: u32,
    contender: Contender,
}

/// What one contender took.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// CPU time for a message, all in: noting it, and looking after the timers meanwhile.
    heard_ns: f64,
    /// CPU time for a connection that falls silent, from the last message to the end.
    expiry_ns: f64,
    /// Resident memory for a connection.
    bytes: f64,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    ensure!(
        arguments.connections > 0,
        "--connections must be at least 1"
    );
    let program = std::env::current_exe()?;
    let contenders = Contender::value_variants();
    let mut costs = vec![Vec::new(); contenders.len()];
    for _ in 0..arguments.rounds {
        for (contender, costs) in contenders.iter().zip(&mut costs) {
            let mut command = Command::new(&program);
            command.args(["heartbeat-one", "--connections"]);
            command.arg(arguments.connections.to_string());
            command.arg(contender.name());
            costs.push(Cost::parse(&output(&mut command)?)?);
        }
    }
    let costs: Vec<Cost> = costs.iter().map(|costs| Cost::median(costs)).collect();
    print(arguments, &costs);
    Ok(targets(&costs))
}

fn print(arguments: &Arguments, costs: &[Cost]) {
    println!(
        "{} connections, each heard once a second, one core, median of {} rounds",
        arguments.connections, arguments.rounds
    );
    println!(
        "{:<40} {:>12} {:>12} {:>12}",
        "", "heard, ns", "silent, ns", "bytes"
    );
    for (contender, cost) in Contender::value_variants().iter().zip(costs) {
        println!(
            "{:<40} {:>12.1} {:>12.1} {:>12.1}",
            contender.title(),
            cost.heard_ns,
            cost.expiry_ns,
            cost.bytes
        );
    }
}

/// Prints how the targets were met; `true` if all were.
fn targets(costs: &[Cost]) -> bool {
    let of = |contender: Contender| costs[contender as usize];
    let (timers, machine) = (of(Contender::Alarms), of(Contender::Crowd));
    let times = of(Contender::DelayQueue).heard_ns / timers.heard_ns;
    at_most("timer: ns for a message", timers.heard_ns, 6.0)
        & at_most("whole machine: ns for a message", machine.heard_ns, 6.0)
        & at_most("timer: bytes for a connection", timers.bytes, 12.0)
        & at_most("whole machine: bytes for a connection", machine.bytes, 32.0)
        & at_most("timer: ns for an expiry", timers.expiry_ns, 20.0)
        & at_least("DelayQueue / timer, for a message", times, 50.0)
}

impl Cost {
    fn parse(text: &str) -> Result<Self> {
        let [heard_ns, expiry_ns, bytes] = numbers(text)?;
        Ok(Self {
            heard_ns,
            expiry_ns,
            bytes,
        })
    }

    /// The cost whose every figure is the median.
    fn median(costs: &[Self]) -> Self {
        Self {
            heard_ns: median(costs.iter().map(|cost| cost.heard_ns)),
            expiry_ns: median(costs.iter().map(|cost| cost.expiry_ns)),
            bytes: median(costs.iter().map(|cost| cost.bytes)),
        }
    }
}
