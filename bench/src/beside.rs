//! Benchmarks of the command `deadpeer` beside a namespace full of connections.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{build_release, target_directory};

use super::sample::Sample;

/// What the part of a benchmark that runs beside the sockets needs to know.
#[derive(clap::Args)]
pub(crate) struct Beside {
    #[arg(long)]
    pub(super) rounds: usize,
    #[arg(long)]
    pub(super) sockets: usize,
    /// So many of them have something in flight that nobody answers.
    #[arg(long, default_value_t = 0)]
    pub(super) asked: usize,
    #[arg(long)]
    deadpeer: PathBuf,
}

/// Where the other ends of the connections are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Peers {
    /// In the same namespace: each connection is two sockets.
    Here,
    /// On other machines.
    Far,
    /// The same, and so many of them leave unanswered what they were sent.
    Silent(usize),
}

/// Runs a subcommand of `bench` that takes [`Beside`], in turn beside each number of sockets.
/// Returns whether every target was met.
pub(super) fn run(
    subcommand: &str,
    peers: Peers,
    rounds: usize,
    sockets: &[usize],
) -> Result<bool> {
    ensure!(rounds > 0, "--rounds must be at least 1");
    build()?;
    let release = target_directory()?.join("release");
    let mut met = true;
    let asked = match peers {
        Peers::Here | Peers::Far => 0,
        Peers::Silent(asked) => asked,
    };
    let asked = asked.to_string();
    for sockets in sockets.iter().map(usize::to_string) {
        let status = Command::new(release.join("examples/population"))
            .args(match peers {
                Peers::Here => vec![],
                Peers::Far => vec!["--far"],
                Peers::Silent(_) => vec!["--asked", &asked],
            })
            .arg(&sockets)
            .arg(std::env::current_exe()?)
            .args([subcommand, "--rounds", &rounds.to_string()])
            .args(["--sockets", &sockets, "--asked", &asked, "--deadpeer"])
            .arg(release.join("deadpeer"))
            .status()
            .context("starting the population")?;
        met &= status.success();
    }
    Ok(met)
}

/// Builds the command and the population.
pub(super) fn build() -> Result<()> {
    let command = ["-p", "deadpeer-cli", "--bin", "deadpeer"];
    let population = ["-p", "deadpeer-host", "--example", "population"];
    build_release(&[&["--quiet"], &command[..], &population].concat())
}

/// Prints what each command took, under its name.
pub(super) fn print_medians(medians: &[(String, Sample)]) {
    println!(
        "{:<40} {:>10} {:>10} {:>10}",
        "", "CPU ms", "wall ms", "peak MiB"
    );
    for (name, median) in medians {
        println!(
            "{name:<40} {:>10.1} {:>10.1} {:>10.1}",
            median.cpu_ms, median.wall_ms, median.peak_mib
        );
    }
}

impl Beside {
    /// The command to measure.
    pub(super) fn deadpeer(&self) -> Result<&str> {
        self.deadpeer.to_str().context("a path in UTF-8")
    }

    /// Prints what each command took, under its name.
    pub(super) fn print(&self, medians: &[(String, Sample)]) {
        println!("{} sockets, median of {} rounds", self.sockets, self.rounds);
        print_medians(medians);
    }
}
