//! `deadpeer explain` against tcptrace, which follows connections too, and tshark, which knows the
//! most.

mod capture;
mod stories;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{cargo, target_directory};

use super::sample::Sample;
use capture::Shape;

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
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "-p", "deadpeer-cli"]);
    ensure!(build.status()?.success(), "the build failed");
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
        let path = std::env::temp_dir().join(format!(
            "deadpeer-bench-{connections}-{}.pcap",
            std::process::id()
        ));
        let packets = capture::write(&path, shape, connections, arguments.packets)?;
        let result = compare(arguments, &deadpeer, &path, (shape, connections), packets);
        std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        met &= result?;
    }
    if arguments.shape.is_none_or(|shape| shape == Shape::Dying) {
        met &= stories::run(&deadpeer, &arguments.stories)?;
    }
    Ok(met)
}

fn compare(
    arguments: &Arguments,
    deadpeer: &Path,
    path: &Path,
    (shape, connections): (Shape, u32),
    packets: u32,
) -> Result<bool> {
    let deadpeer = deadpeer.to_str().context("a path in UTF-8")?;
    let file = path.to_str().context("a path in UTF-8")?;
    let mut commands: Vec<Vec<&str>> = vec![
        vec![deadpeer, "explain", file],
        vec!["tcptrace", "-n", file],
    ];
    if !arguments.no_tshark {
        commands.push(vec!["tshark", "-n", "-q", "-z", "conv,tcp", "-r", file]);
    }
    let medians = medians(&commands, arguments.rounds)?;
    let size = std::fs::metadata(path)?.len() / 1_000_000;
    println!(
        "{packets} packets, {size} MB, {connections} {} connections, median of {} rounds",
        match shape {
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
            median.cpu.as_secs_f64() * 1e3,
            speed(packets, median),
            mib(median)
        );
    }
    let mut met = is_fast(packets, &medians);
    if connections <= FEW_CONNECTIONS {
        met &= is_small(&medians[0]);
    }
    println!();
    Ok(met)
}

/// Runs the commands in turn.
fn medians(commands: &[Vec<&str>], rounds: usize) -> Result<Vec<Sample>> {
    let mut samples = vec![Vec::new(); commands.len()];
    for _ in 0..rounds {
        for (command, samples) in commands.iter().zip(&mut samples) {
            samples.push(Sample::of(command)?);
        }
    }
    let medians = samples.iter().map(|samples| Sample::median(samples));
    Ok(medians.collect())
}

/// Whether the first is so many times as fast as those after it.
fn is_fast(packets: u32, medians: &[Sample]) -> bool {
    let mut met = true;
    for (name, place, least) in [("tcptrace", 1, TIMES_TCPTRACE), ("tshark", 2, TIMES_TSHARK)] {
        let Some(median) = medians.get(place) else {
            continue;
        };
        let times = speed(packets, &medians[0]) / speed(packets, median);
        let word = if times >= least { "met" } else { "MISSED" };
        println!("  {times:.1} times the packets per second of {name}, at least {least}: {word}");
        met &= times >= least;
    }
    met
}

fn is_small(median: &Sample) -> bool {
    let mib = mib(median);
    let word = if mib <= MOST_MIB { "met" } else { "MISSED" };
    println!("  {mib:.1} MiB, at most {MOST_MIB}: {word}");
    mib <= MOST_MIB
}

/// Packets per second of processor time.
fn speed(packets: u32, median: &Sample) -> f64 {
    f64::from(packets) / median.cpu.as_secs_f64()
}

fn mib(median: &Sample) -> f64 {
    median.peak_kib as f64 / 1024.0
}
