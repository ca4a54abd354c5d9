//! `cargo xtask bench`: deadpeer against its peers, interleaved in one run, medians and their
//! ratios.
//!
//! The clock of a shared machine is noisy: what counts is CPU time, and how two commands compare
//! that took turns.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool at the command line"
)]

mod audit;
mod beside;
mod explain;
mod guard;
mod heartbeat;
mod host;
mod median;
mod protect;
mod sample;
mod target;
mod watch;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Measure deadpeer against its peers.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
enum Bench {
    /// `deadpeer audit` on 50 to 4,000 established sockets by each of its means, on 40,000 and
    /// 200,000 against `ss`, and on 200,000 in 200 namespaces against one (root; ten minutes).
    Audit(audit::Arguments),
    /// `deadpeer explain` against tcptrace and tshark on captures of a million packets.
    Explain(explain::Arguments),
    /// `deadpeer guard`: sweeps beside 50 to 200,000 sockets, metrics of 10,000 services, 100,000
    /// deaths (root; three minutes).
    Guard(guard::Arguments),
    /// The part of `bench guard` that runs beside the sockets.
    #[command(hide = true)]
    GuardBeside(beside::Beside),
    /// Timers and heartbeats of a million connections against DelayQueue, a BTreeMap and a task
    /// each.
    Heartbeat(heartbeat::Arguments),
    /// The eBPF programs: reading and setting 200,000 sockets, new connections, deaths, an idle
    /// watch (root; five minutes).
    Host(host::Arguments),
    /// The part of `bench host` that runs beside the sockets.
    #[command(hide = true)]
    HostBeside(host::Beside),
    /// One contender of `bench heartbeat`, once.
    #[command(hide = true)]
    HeartbeatOne(heartbeat::One),
    /// `deadpeer::Watch` against a tokio task for each connection, on 15,000 of them.
    Watch(watch::Arguments),
    /// One way of `bench watch`, once.
    #[command(hide = true)]
    WatchWay(watch::OneWay),
    /// The peers of `bench watch`.
    #[command(hide = true)]
    WatchPeers(watch::Peers),
    /// `deadpeer protect` and its undoing on 1,000 and 200,000 established sockets, from within the
    /// kernel and without (root).
    Protect(protect::Arguments),
    /// The part of `bench protect` that runs beside the sockets.
    #[command(hide = true)]
    ProtectBeside(beside::Beside),
    /// The part of `bench audit` that runs beside the sockets.
    #[command(hide = true)]
    AuditBeside(beside::Beside),
    /// The part that runs beside sockets in many namespaces.
    #[command(hide = true)]
    AuditSample(audit::Namespaces),
    /// Runs a command once and prints its CPU time, wall time and peak memory.
    #[command(hide = true)]
    Sample(sample::Arguments),
}

fn main() -> ExitCode {
    match run(&Bench::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every target was met.
fn run(bench: &Bench) -> Result<bool> {
    match bench {
        Bench::Audit(arguments) => audit::run(arguments),
        Bench::Host(arguments) => host::run(arguments),
        Bench::HostBeside(beside) => host::beside(beside),
        Bench::Explain(arguments) => explain::run(arguments),
        Bench::Guard(arguments) => guard::run(arguments),
        Bench::GuardBeside(beside) => guard::beside(beside),
        Bench::Heartbeat(arguments) => heartbeat::run(arguments),
        Bench::HeartbeatOne(one) => heartbeat::one(one),
        Bench::Watch(arguments) => watch::run(arguments),
        Bench::WatchWay(way) => way.run(),
        Bench::WatchPeers(peers) => peers.run(),
        Bench::Protect(arguments) => protect::run(arguments),
        Bench::ProtectBeside(beside) => protect::beside(beside),
        Bench::AuditBeside(beside) => audit::beside(beside),
        Bench::AuditSample(arguments) => audit::sample(arguments),
        Bench::Sample(arguments) => sample::run(arguments),
    }
}
