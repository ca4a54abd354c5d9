//! `deadpeer::Watch` against the usual way: a tokio task for each connection, which reads under a
//! timeout.
//!
//! Both notice within 30 s that a peer has vanished. A task that only reads can do that if its peer
//! speaks: so there the peers send a byte every 10 s, as protocols with heartbeats do, three in the
//! deadline. The watch has its kernel ask.

mod calls;
mod meters;
mod peers;
mod processors;
mod way;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use deadpeer_lab::enclosure;
use deadpeer_sys::netns;

use super::target::at_most;

pub(super) use peers::Peers;
pub(super) use way::OneWay;
use way::{Measured, Way};

/// The deadline of both ways.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often a peer speaks to a task.
const BEAT: Duration = Duration::from_secs(10);

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each way is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections; twice as many descriptors, in two processes.
    #[arg(long, default_value_t = 15_000)]
    sockets: usize,
    /// How often each connection has its turn while it is measured: the watch looks at it once in
    /// the deadline, and its peer speaks to a task every ten seconds.
    #[arg(long, default_value_t = 1)]
    cycles: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    ensure!(arguments.cycles > 0, "--cycles must be at least 1");
    if enclosure::current().is_none() {
        return Ok(enclosure::run(std::env::args_os().skip(1))?.success());
    }
    netns::private(|| measure(arguments))?
}

fn measure(arguments: &Arguments) -> Result<bool> {
    let mut samples = [const { Vec::new() }; Way::ALL.len()];
    for round in 1..=arguments.rounds {
        for (way, samples) in Way::ALL.into_iter().zip(&mut samples) {
            eprintln!("round {round} of {}: {}", arguments.rounds, way.name());
            samples.push(sample(way, arguments)?);
        }
    }
    let medians = samples.map(|samples| Measured::median(&samples));
    println!(
        "{} connections, {} rounds: medians, and the quickest telling of deaths",
        arguments.sockets, arguments.rounds
    );
    println!(
        "{:<40} {:>10} {:>14} {:>12} {:>8} {:>18}",
        "", "bytes each", "us CPU each/s", "packets/s", "dropped", "all deaths, CPU ms"
    );
    for (way, median) in Way::ALL.into_iter().zip(&medians) {
        println!(
            "{:<40} {:>10.0} {:>14.4} {:>12.3} {:>8.0} {:>18.1}",
            way.name(),
            median.bytes,
            median.cpu_us,
            median.packets,
            median.dropped,
            median.told_ms
        );
    }
    Ok(targets(&medians, arguments.sockets) & calls::targets()?)
}

/// One way, once, in a process of its own.
fn sample(way: Way, arguments: &Arguments) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?)
        .args(["watch-way", way.word()])
        .args(["--sockets", &arguments.sockets.to_string()])
        .args(["--cycles", &arguments.cycles.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("measuring one way")?;
    ensure!(output.status.success(), "{}: {}", way.name(), output.status);
    Measured::parse(&String::from_utf8(output.stdout)?)
}

/// Prints how the targets were met; `true` if all were.
fn targets(medians: &[Measured; Way::ALL.len()], sockets: usize) -> bool {
    let [tasks, supervised, kernel] = medians;
    let (bytes, cpu_us) = (supervised.bytes, supervised.cpu_us);
    let supervised_cpu = "supervised: us of CPU a connection and second";
    let kernel_cpu = "kernel only: us of CPU a connection and second";
    let told = "supervised: ms of CPU until 10,000 deaths are told";
    let of_ten_thousand = supervised.told_ms * 10_000.0 / sockets as f64;
    at_most("supervised: bytes a connection", bytes, 200.0)
        & at_most("supervised: memory / tasks", bytes / tasks.bytes, 0.2)
        & at_most(supervised_cpu, cpu_us, 1.0)
        & at_most("supervised: CPU / tasks", cpu_us / tasks.cpu_us, 0.1)
        & at_most(kernel_cpu, kernel.cpu_us, 0.001)
        & at_most(told, of_ten_thousand, 100.0)
}
