//! What a new connection and a death cost, and an idle watch.

use std::path::Path;

use anyhow::Result;

use super::numbers;
use crate::median::median;
use crate::target::{at_least, at_most};

/// Connections of a run.
const NUMBER: &str = "20000";

/// Returns whether every target was met.
pub(super) fn measure(load: &Path, rounds: usize) -> Result<bool> {
    let mut bare = Vec::new();
    let mut protected = Vec::new();
    let mut by_itself = Vec::new();
    let mut told = Vec::new();
    let mut lost = 0.0;
    for _ in 0..rounds {
        let [alone, with_program, with_calls] = numbers(load, &["connect", NUMBER])?;
        bare.push(alone);
        protected.push(with_program - alone);
        by_itself.push(with_calls - alone);
        let [unseen, seen, missed] = numbers(load, &["deaths", NUMBER])?;
        told.push(seen - unseen);
        lost += missed;
    }
    let (bare, protected) = (median(bare) / 1e3, median(protected) / 1e3);
    println!("{NUMBER} connections, each made and reset, median of {rounds} rounds");
    println!("  an end of a connection, us of CPU: {bare:>36.3}");
    println!(
        "  setting its options by setsockopt(2), us: {:>29.3}",
        median(by_itself) / 1e3
    );
    println!("  protecting an end, us: {protected:>48.3}");
    let [_, idle] = numbers(load, &["idle", "5"])?;
    let met = [
        at_most(
            "protecting an end, of what it takes",
            protected / bare,
            0.12,
        ),
        at_most("telling and reading a death, us", median(told) / 1e3, 1.0),
        at_most("deaths lost", lost, 0.0),
        at_most("five idle seconds of a watch, ms", idle / 1e6, 1.0),
    ];
    Ok(met.iter().all(|met| *met))
}

/// Connections that are aborted at the same moment, and how often.
const BURST: &str = "90000";
const BURSTS: usize = 3;

/// Returns whether none was lost when they came fast enough.
pub(super) fn burst(burst: &Path) -> Result<bool> {
    let mut lost = 0.0;
    let mut rates = Vec::new();
    for _ in 0..BURSTS {
        let [_, missed, rate] = numbers(burst, &[BURST])?;
        lost += missed;
        rates.push(rate);
    }
    println!("{BURST} connections aborted at once, median of {BURSTS} rounds");
    let met = [
        at_least("deaths told a second", median(rates), 50_000.0),
        at_most("deaths lost of all rounds", lost, 0.0),
    ];
    Ok(met.iter().all(|met| *met))
}
