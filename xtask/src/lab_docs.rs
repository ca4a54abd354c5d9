//! `cargo xtask lab-docs`: measures the truth table on this kernel and writes it into the
//! documentation.

mod page;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use deadpeer_lab::matrix::picture::{self, Tips};
use deadpeer_lab::matrix::{Experiment, Settings};
use deadpeer_lab::scenario::{self, Scenario};
use deadpeer_workspace::root;

use crate::lab_peer;

/// Measure the truth table and write docs/matrix.md and docs/matrix.svg anew; minutes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The time in which a dead peer is to be noticed, seconds.
    #[arg(long, default_value_t = 24)]
    within: u64,
    /// Scenarios that run at a time.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// The seed of everything random on the wire.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The peer's program
    #[arg(long, hide = true)]
    peer: bool,
}

/// Documents are of the whole table: where a scenario fails, nothing is written.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(done) = lab_peer::done_elsewhere(arguments.peer)? {
        return Ok(done);
    }
    let experiments = measure(arguments)?;
    let docs = root().join("docs");
    write(&docs.join("matrix.md"), &page::page(&experiments))?;
    let picture = picture::matrix(&experiments, Tips::Without);
    write(&docs.join("matrix.svg"), &picture)?;
    Ok(true)
}

fn measure(arguments: &Arguments) -> Result<Vec<Experiment>> {
    let mut scenarios = scenario::library()?;
    scenarios.retain(Scenario::is_in_matrix);
    let settings = Settings {
        deadline: Duration::from_secs(arguments.within),
        seed: arguments.seed,
        ipv6: false,
        at_once: arguments.jobs,
        captures: None,
        peer: lab_peer::launch("lab-docs")?,
    };
    lab_peer::measure(&scenarios, &settings)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
