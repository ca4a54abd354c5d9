//! `deadpeer explain` against tcptrace, which follows connections too, and tshark, which knows the
//! most.

mod capture;
mod stories;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{build_release, target_directory};

use super::sample::Sample;
use super::target::word;
use capture::{Capture, Shape};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each command runs; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of connections in the captures.
    #[arg(long, value_delimiter = ',', default_value = "12000,100000")]
    connections: Vec<u32>,
    /// What the connections are like: calm and long-lived, then dying ones told as JSON, unless
    /// given.
    #[arg(long, value_enum)]
    shape: Option<Shape>,
    /// Packets in each capture.
    #[arg(long, default_value_t = 1_000_000)]
    packets: u32,
    /// Leave tshark out, which takes minutes.
    #[arg(long)]
    no_tshark: bool,
    /// Connections of which every story is told as JSON: two numbers, to see that time grows as
    /// they do.
    #[arg(
        long,
        value_delimiter = ',',
        num_args = 2,
        default_value = "100000,1000000"
    )]
    stories: Vec<u32>,
}

/// At least so many times the packets per second of tcptrace and of tshark.
const TIMES_TCPTRACE: f64 = 3.0;
const TIMES_TSHARK: f64 = 10.0;
/// At most so much memory for [`FEW_CONNECTIONS`], whatever happens to them.
const MOST_MIB: f64 = 32.0;
const FEW_CONNECTIONS: u32 = 12_000;

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    build_release(&["--quiet", "-p", "deadpeer-cli"])?;
    let deadpeer = target_directory()?.join("release/deadpeer");
    let mut met = true;
    let shapes = arguments
        .shape
        .map_or(vec![Shape::Calm, Shape::LongLived], |shape| vec![shape]);
    let all = shapes
        .iter()
        // Of the dying every story is told, which is a measurement of its own.
        .filter(|shape| **shape != Shape::Dying)
        .flat_map(|shape| arguments.connections.iter().map(|n| (*shape, *n)));
    for (shape, connections) in all {
        let capture = Capture::write(shape, connections, arguments.packets)?;
        met &= compare(arguments, &deadpeer, &capture)?;
    }
    if arguments.shape.is_none_or(|shape| shape == Shape::Dying) {
        met &= stories::run(&deadpeer, &arguments.stories)?;
    }
    Ok(met)
}

fn compare(arguments: &Arguments, deadpeer: &Path, capture: &Capture) -> Result<bool> {
    let deadpeer = deadpeer.to_str().context("a path in UTF-8")?;
    let file = capture.file()?;
    let all: [&[&str]; 3] = [
        &[deadpeer, "explain", file],
        &["tcptrace", "-n", file],
        &["tshark", "-n", "-q", "-z", "conv,tcp", "-r", file],
    ];
    let commands = match arguments.no_tshark {
        true => &all[..2],
        false => &all,
    };
    let medians = Sample::medians(commands, arguments.rounds)?;
    let size = std::fs::metadata(file)?.len() / 1_000_000;
    let packets = capture.packets;
    println!(
        "{packets} packets, {size} MB, {} {} connections, median of {} rounds",
        capture.connections,
        match capture.shape {
            Shape::Calm => "calm",
            Shape::LongLived => "long-lived",
            Shape::Dying => "dying",
        },
        arguments.rounds
    );
    println!(
        "{:<28} {:>10} {:>12} {:>10}",
        "", "CPU ms", "packets/s", "peak MiB"
    );
    for (command, median) in commands.iter().zip(&medians) {
        println!(
            "{:<28} {:>10.1} {:>12.0} {:>10.1}",
            command[..command.len() - 1]
                .join(" ")
                .replace(deadpeer, "deadpeer"),
            median.cpu_ms,
            speed(packets, median),
            median.peak_mib
        );
    }
    let mut met = is_fast(packets, &medians);
    if capture.connections <= FEW_CONNECTIONS {
        met &= is_small(&medians[0]);
    }
    println!();
    Ok(met)
}

/// Whether the first is so many times as fast as those after it.
fn is_fast(packets: u32, medians: &[Sample]) -> bool {
    let mut met = true;
    for (name, place, least) in [("tcptrace", 1, TIMES_TCPTRACE), ("tshark", 2, TIMES_TSHARK)] {
        let Some(median) = medians.get(place) else {
            continue;
        };
        let times = speed(packets, &medians[0]) / speed(packets, median);
        let word = word(times >= least);
        println!("  {times:.1} times the packets per second of {name}, at least {least}: {word}");
        met &= times >= least;
    }
    met
}

fn is_small(median: &Sample) -> bool {
    let mib = median.peak_mib;
    let met = mib <= MOST_MIB;
    println!("  {mib:.1} MiB, at most {MOST_MIB}: {}", word(met));
    met
}

/// Packets per second of processor time.
fn speed(packets: u32, median: &Sample) -> f64 {
    f64::from(packets) * 1e3 / median.cpu_ms
}
