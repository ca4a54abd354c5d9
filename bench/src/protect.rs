//! `deadpeer protect` on a namespace full of connections, and the way back.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::beside::{self, Beside, Peers};
use super::sample::Sample;

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

/// CPU seconds for protecting 200,000 sockets, looking, recording and looking again included.
const MOST_CPU: f64 = 0.4;
const AT: usize = 200_000;
/// Every socket misses it before, and none is silent for long enough to be probed while the
/// benchmark runs.
const DEADLINE: &str = "12m";

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let Arguments { rounds, sockets } = arguments;
    beside::run("protect-beside", Peers::Far, *rounds, sockets)
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
    let left = established()?;
    ensure!(
        left >= beside.sockets,
        "only {left} sockets are left: the peers, which don't exist, were noticed"
    );
    let mut medians = Vec::new();
    let mut fastest = f64::INFINITY;
    for ((name, _), (there, back)) in WAYS.iter().zip(&samples) {
        let there = Sample::median(there);
        fastest = fastest.min(there.cpu.as_secs_f64());
        medians.push((format!("protect, {name}"), there));
        medians.push((format!("undo, {name}"), Sample::median(back)));
    }
    beside.print(&medians);
    if beside.sockets < AT {
        return Ok(true);
    }
    let met = fastest <= MOST_CPU;
    let word = if met { "met" } else { "MISSED" };
    println!("  protect, CPU s {fastest:>8.3}, at most {MOST_CPU:.3}: {word}");
    Ok(met)
}

/// Sockets of this network namespace that are not over.
fn established() -> Result<usize> {
    let text = std::fs::read_to_string("/proc/net/sockstat")?;
    let mut words = text.split_whitespace().skip_while(|word| *word != "TCP:");
    let count = words.nth(2).context("no count of TCP sockets")?;
    Ok(count.parse()?)
}

fn there_args<'a>(beside: &'a Beside, file: &'a Path, more: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut args = vec![beside.deadpeer()?, "protect"];
    args.extend(["--all", "--within", DEADLINE, "--yes", "--undo-file"]);
    args.push(file.to_str().context("a path in UTF-8")?);
    args.extend(more);
    Ok(args)
}

fn back_args<'a>(beside: &'a Beside, file: &'a Path, more: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut args = vec![beside.deadpeer()?, "protect"];
    args.extend(["--yes", "--undo"]);
    args.push(file.to_str().context("a path in UTF-8")?);
    args.extend(more);
    Ok(args)
}
