//! `deadpeer protect` on a namespace full of connections, and the way back.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::sample::Sample;
use crate::cargo::{self, cargo};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each way is gone; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of established sockets.
    #[arg(long, value_delimiter = ',', default_value = "1000,200000")]
    sockets: Vec<usize>,
}

/// The same, beside the sockets.
#[derive(clap::Args)]
pub(crate) struct Beside {
    #[arg(long)]
    rounds: usize,
    #[arg(long)]
    sockets: usize,
    #[arg(long)]
    deadpeer: PathBuf,
}

/// CPU seconds for protecting 200,000 sockets, looking, recording and looking again included.
const MOST_CPU: f64 = 0.4;
const AT: usize = 200_000;

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "-p", "deadpeer-cli"]);
    build.args(["-p", "deadpeer-host", "--bin", "deadpeer"]);
    build.args(["--example", "population"]);
    ensure!(build.status()?.success(), "the build failed");
    let release = cargo::target_directory()?.join("release");
    let mut met = true;
    for sockets in &arguments.sockets {
        let status = Command::new(release.join("examples/population"))
            .arg(sockets.to_string())
            .arg(std::env::current_exe()?)
            .args(["bench", "protect-beside", "--rounds"])
            .arg(arguments.rounds.to_string())
            .args(["--sockets", &sockets.to_string(), "--deadpeer"])
            .arg(release.join("deadpeer"))
            .status()
            .context("starting the population")?;
        met &= status.success();
    }
    Ok(met)
}

/// The ways that take turns: each protects, and is undone.
const WAYS: [(&str, &[&str]); 2] = [
    ("from within the kernel", &[]),
    ("through descriptors", &["--no-bpf"]),
];

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    let folder = std::env::temp_dir().join(format!("deadpeer-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("undo.json");
    let mut samples = [const { (Vec::new(), Vec::new()) }; 2];
    for _ in 0..beside.rounds {
        for ((_, more), (there, back)) in WAYS.iter().zip(&mut samples) {
            there.push(Sample::of(&there_args(beside, &file, more)?)?);
            back.push(Sample::of(&back_args(beside, &file, more)?)?);
        }
    }
    std::fs::remove_dir_all(&folder)?;
    println!(
        "{} sockets, median of {} rounds",
        beside.sockets, beside.rounds
    );
    println!(
        "{:<32} {:>10} {:>10} {:>10}",
        "", "CPU ms", "wall ms", "peak MiB"
    );
    let mut fastest = f64::INFINITY;
    for ((name, _), (there, back)) in WAYS.iter().zip(&samples) {
        for (verb, samples) in [("protect", there), ("undo", back)] {
            let median = Sample::median(samples);
            println!(
                "{:<32} {:>10.1} {:>10.1} {:>10.1}",
                format!("{verb}, {name}"),
                median.cpu.as_secs_f64() * 1e3,
                median.wall.as_secs_f64() * 1e3,
                median.peak_kib as f64 / 1024.0
            );
        }
        fastest = fastest.min(Sample::median(there).cpu.as_secs_f64());
    }
    if beside.sockets < AT {
        return Ok(true);
    }
    let met = fastest <= MOST_CPU;
    let word = if met { "met" } else { "MISSED" };
    println!("  protect, CPU s {fastest:>8.3}, at most {MOST_CPU:.3}: {word}");
    Ok(met)
}

fn there_args<'a>(beside: &'a Beside, file: &'a Path, more: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut args = command(beside)?;
    // Connections within the machine, and more than its backlog holds: they are spread over the 9 s of an idle time.
    args.extend([
        "--all",
        "--within",
        "30s",
        "--yes",
        "--force",
        "--undo-file",
    ]);
    args.push(file.to_str().context("a path in UTF-8")?);
    args.extend(more);
    Ok(args)
}

fn back_args<'a>(beside: &'a Beside, file: &'a Path, more: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut args = command(beside)?;
    args.extend(["--yes", "--undo"]);
    args.push(file.to_str().context("a path in UTF-8")?);
    args.extend(more);
    Ok(args)
}

fn command(beside: &Beside) -> Result<Vec<&str>> {
    let deadpeer = beside.deadpeer.to_str().context("a path in UTF-8")?;
    Ok(vec![deadpeer, "protect"])
}
