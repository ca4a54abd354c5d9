//! `cargo xtask check-forecast N --seed S`: the forecast against this machine's kernel.
//!
//! Makes N connections with random settings between the hosts of a lab, lets each peer vanish at a
//! random moment, asks the forecast then or in the midst of what follows, and compares with the
//! moment at which the kernel gives up. Needs root: what decides is
//! read by eBPF.

mod connection;
mod dice;
mod kind;
mod outage;
mod paths;
mod report;
mod scenario;
mod script;
mod stage;
mod watch;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use deadpeer_sys::{netns, running_kernel, sysctl};

use dice::Dice;
use paths::Paths;
use report::Report;
use scenario::Scenario;
use stage::Stage;

/// Slots of the table of connections.
const TABLE_ENTRIES: u32 = 4_096;

/// Compare forecasts with deaths on this kernel.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many connections.
    connections: usize,
    /// Draw the same settings again.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw settings whose forecast is at most this many seconds; 150 lets orphans have the options
    /// of every plan.
    #[arg(long, default_value_t = 60)]
    longest: u64,
    /// Print every connection, not only the summary.
    #[arg(long)]
    verbose: bool,
}

/// Returns whether the forecast was right: within two jiffies for 98 %, within its interval for
/// all.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(
        arguments.connections > 0,
        "at least one connection is needed"
    );
    let most = 8_000;
    ensure!(
        arguments.connections <= most,
        "at most {most} connections fit into one process"
    );
    ensure!(
        arguments.longest >= 10,
        "--longest must be at least 10 s: the slowest retries2 drawn takes 7 s"
    );
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limits())
        .context("raise the limit of open files")?;
    let report = netns::private(|| {
        // The next namespace gets a table of its own, small enough to be read within a jiffy.
        sysctl::write("tcp_child_ehash_entries", TABLE_ENTRIES)?;
        netns::private(|| check(arguments))?
    })
    .context("make a private network namespace")??;
    report.print(arguments.verbose);
    Ok(report.is_right())
}

fn check(arguments: &Arguments) -> Result<Report> {
    let mut dice = Dice::new(arguments.seed);
    let settings = dice.settings();
    let paths = Paths::set()?;
    let near = paths.near()?;
    for (name, value) in &settings.before {
        near.sysctl(&format!("net.ipv4.{name}"), value)?;
    }
    let kernel = near.enter(running_kernel)??;
    let Some(hz) = kernel.hz else {
        bail!("the clock rate of this kernel is unknown");
    };
    println!(
        "{} connections, seed {}, HZ {hz}, longest {} s",
        arguments.connections, arguments.seed, arguments.longest
    );
    for (name, value) in &settings.before {
        print!("{name} {value}, ");
    }
    println!("later tcp_keepalive_time {}", settings.keepalive_time_after);
    let longest = Duration::from_secs(arguments.longest);
    let scenarios = (0..arguments.connections).map(|_| Scenario::draw(&mut dice, &kernel, longest));
    let stage = Stage::set(scenarios.collect(), settings, kernel, paths)?;
    watch::until_all_are_dead(stage)
}

fn limits() -> rustix::process::Rlimit {
    let mut limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limits.current = limits.maximum;
    limits
}
