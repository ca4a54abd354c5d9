//! Reading and setting a whole table of connections.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::super::sample::Sample;
use super::numbers;
use crate::median::median;
use crate::target::at_most;

/// Rounds, fewer than elsewhere: ss(8) takes its time.
const ROUNDS: usize = 3;

/// Returns whether every target was met.
pub(super) fn measure(load: &Path) -> Result<bool> {
    let program = load.to_str().context("a path in UTF-8")?;
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut start = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(milliseconds(&[program, "dump"])?);
        theirs.push(milliseconds(&["ss", "-tnp"])?);
        start.push(milliseconds(&[program, "start"])?);
    }
    let mut set = Vec::new();
    let mut sockets = 0.0;
    for _ in 0..ROUNDS {
        let [done, of, cpu] = numbers(load, &["set"])?;
        anyhow::ensure!(done >= of * 0.999, "{done} of {of} were set");
        set.push(cpu);
        sockets = of;
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("{sockets} sockets, median of {ROUNDS} rounds");
    println!("  ss -tnp, ms of CPU: {theirs:>51.1}");
    println!("  the same by eBPF, ms of CPU: {ours:>42.1}");
    println!("  us a socket: {:>58.3}", 1e3 * ours / sockets);
    let met = [
        at_most("by eBPF / ss -tnp", ours / theirs, 1.0 / 40.0),
        at_most(
            "setting five options on all of them, ms of CPU",
            median(set),
            400.0,
        ),
        at_most(
            "opening the engine and loading a program, ms of CPU",
            median(start),
            20.0,
        ),
    ];
    Ok(met.iter().all(|met| *met))
}

fn milliseconds(command: &[&str]) -> Result<f64> {
    Ok(Sample::of(command)?.cpu_ms)
}
