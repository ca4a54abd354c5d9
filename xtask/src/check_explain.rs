//! `cargo xtask check-explain`: the stories of captures against the truth, and against tshark's
//! opinion.
//!
//! Runs the lab's scenarios with captures, then holds every story against what the lab did and what
//! the kernel made of each socket; then the same for those captures damaged on purpose, of which
//! "the capture does not tell" is an answer too. Needs root or user namespaces, as the lab does.

mod report;
mod tshark;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use deadpeer_lab::matrix::Settings;
use deadpeer_lab::scenario::{self, Scenario};
use deadpeer_lab::stories::{Damage, Truth, compare, compare_damaged};

use crate::lab_peer;
use report::Report;

/// Where the truth of an experiment stands, beside its captures.
const TRUTH: &str = "truth.json";

/// Compare the stories of captures with what happened, and the kinds of packets with tshark's.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these scenarios; all if none is named.
    scenarios: Vec<String>,
    /// The time in which a dead peer is to be noticed, seconds.
    #[arg(long, default_value_t = 24)]
    within: u64,
    /// Scenarios that run at a time.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// Connect over IPv6.
    #[arg(long)]
    ipv6: bool,
    /// Keep the captures in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Run nothing, compare what --keep left in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "keep")]
    from: Option<PathBuf>,
    /// Print every mistake, not only one of each sort.
    #[arg(long)]
    verbose: bool,
    /// Write down tshark's opinion of the captures in the repository, which a test compares with.
    #[arg(long)]
    record_tshark: bool,
    /// The peer's program
    #[arg(long, hide = true)]
    peer: bool,
}

/// Returns whether every story is true and every difference to tshark an explained one.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.record_tshark {
        return tshark::record().map(|()| true);
    }
    if let Some(directory) = &arguments.from {
        return judge(directory, arguments);
    }
    if let Some(done) = lab_peer::done_elsewhere(arguments.peer)? {
        return Ok(done);
    }
    let passing = tempfile::tempdir().context("a folder for the captures")?;
    let directory = arguments.keep.as_deref().unwrap_or(passing.path());
    experiment(directory, arguments)?;
    judge(directory, arguments)
}

/// Runs the lab; leaves captures and truths.
fn experiment(directory: &Path, arguments: &Arguments) -> Result<()> {
    let mut scenarios = scenario::library()?;
    scenarios.retain(|scenario| arguments.wants(&scenario.name));
    ensure!(!scenarios.is_empty(), "no scenario has such a name");
    let settings = Settings {
        deadline: std::time::Duration::from_secs(arguments.within),
        seed: 1,
        ipv6: arguments.ipv6,
        at_once: arguments.jobs,
        captures: Some(directory.to_owned()),
        peer: lab_peer::launch("check-explain")?,
    };
    for experiment in lab_peer::measure(&scenarios, &settings)? {
        let truth = serde_json::to_string_pretty(&Truth::of(&experiment))?;
        let path = directory.join(&experiment.scenario).join(TRUTH);
        std::fs::write(&path, truth).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Compares what is in a folder.
fn judge(directory: &Path, arguments: &Arguments) -> Result<bool> {
    let mut report = Report::default();
    let mut captures = Vec::new();
    for Scenario { name, .. } in scenario::library()? {
        let folder = directory.join(&name);
        let path = folder.join(TRUTH);
        if !arguments.wants(&name) || !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let truth: Truth =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        report.add(compare(&folder, &truth)?);
        for damage in Damage::ALL {
            report.add_damaged(damage, compare_damaged(&folder, &truth, damage)?);
        }
        captures.extend(["ours", "theirs"].map(|host| folder.join(host).with_extension("pcapng")));
    }
    ensure!(
        !captures.is_empty(),
        "no experiment in {}",
        directory.display()
    );
    let right = report.print(arguments.verbose);
    let right = report.print_damaged(arguments.verbose) && right;
    let explained = tshark::compare_all(&captures)?;
    Ok(right && explained)
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|wanted| wanted == name)
    }
}
