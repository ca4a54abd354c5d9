//! `cargo xtask check-watch`: a thousand live connections under supervised watching, none of which
//! may be called dead, and dead ones, which must be, within each of several deadlines.
//!
//! Runs the lab's scenarios with the supervised method alone, many connections of it in each state.
//! `--orphans` looks at what they leave behind, `--spell` at a path that turns lossy while they
//! send.

mod orphans;
mod report;
mod scenarios;
mod spell;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use deadpeer_lab::matrix::Settings;

use crate::lab_peer;
use report::Report;
use spell::Spell;

/// Watch a thousand live connections without a false alarm, and dead ones within their deadlines.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The deadlines, seconds.
    #[arg(long, value_delimiter = ',', default_value = "10,30,120")]
    within: Vec<u64>,
    /// Connections in each state of each scenario of a live peer; 14 make a thousand.
    #[arg(long, default_value_t = 14)]
    live: usize,
    /// Connections in each state of each scenario of a dead peer.
    #[arg(long, default_value_t = 2)]
    dead: usize,
    /// Scenarios that run at a time.
    #[arg(long, default_value_t = 8)]
    jobs: usize,
    /// The seed of everything random on the wire.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write what each host sends and receives to DIR/DEADLINE/SCENARIO/HOST.pcapng
    #[arg(long, value_name = "DIR")]
    pcap: Option<PathBuf>,
    /// Only what is left in the kernel's table by sockets that are closed while their peers are
    /// gone; five minutes. With --spell: by those whose path was lossy before
    #[arg(long)]
    orphans: bool,
    /// A sysctl of net.ipv4 for --orphans, as tcp_retries2=5
    #[arg(long, value_name = "NAME=VALUE")]
    sysctl: Vec<String>,
    /// Only so many connections for each deadline that send over a path which loses 25 or 40 of 100
    /// packets each way from one moment on; five minutes
    #[arg(long, value_name = "CONNECTIONS")]
    spell: Option<usize>,
    /// The peer's program
    #[arg(long, hide = true)]
    peer: bool,
}

/// Returns whether no live connection was called dead, and every dead one in time.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(done) = lab_peer::done_elsewhere(arguments.peer)? {
        return Ok(done);
    }
    lab_peer::raise_the_limit_of_descriptors()?;
    if let Some(connections) = arguments.spell {
        return spell::check(&Spell {
            deadlines: arguments.within.clone(),
            connections,
            seed: arguments.seed,
            orphans: arguments.orphans,
        });
    }
    if arguments.orphans {
        return deadpeer_sys::netns::private(|| {
            for sysctl in &arguments.sysctl {
                let (name, value) = sysctl.split_once('=').context("NAME=VALUE")?;
                let name = name.strip_prefix("net.ipv4.").unwrap_or(name);
                // That of this namespace.
                std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).context("sysctl")?;
            }
            orphans::check(&arguments.within)
        })?;
    }
    let mut reports = Vec::new();
    for deadline in &arguments.within {
        let report = measure(Duration::from_secs(*deadline), arguments)?;
        report.print_mistakes();
        reports.push(report);
    }
    report::print(&reports);
    Ok(reports.iter().all(Report::is_right))
}

fn measure(deadline: Duration, arguments: &Arguments) -> Result<Report> {
    let scenarios = scenarios::all(deadline, arguments.live, arguments.dead)?;
    let captures = |directory: &PathBuf| directory.join(format!("{deadline:?}"));
    let settings = Settings {
        deadline,
        seed: arguments.seed,
        ipv6: false,
        at_once: arguments.jobs,
        captures: arguments.pcap.as_ref().map(captures),
        peer: lab_peer::launch("check-watch")?,
    };
    let mut report = Report::of(deadline);
    let experiments = lab_peer::measure(&scenarios, &settings)?;
    experiments.iter().for_each(|one| report.add(one));
    Ok(report)
}
