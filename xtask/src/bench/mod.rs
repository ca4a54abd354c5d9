//! `cargo xtask bench`: deadpeer against its peers, interleaved in one run, medians and their ratios.
//!
//! The clock of a shared machine is noisy: what counts is CPU time, and how two commands compare that took turns.

mod audit;
mod explain;
mod sample;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// `deadpeer audit` against `ss` on 50, 40,000 and 200,000 established sockets (root; ten minutes).
    Audit(audit::Arguments),
    /// `deadpeer explain` against tcptrace and tshark on captures of a million packets.
    Explain(explain::Arguments),
    /// The part of `bench audit` that runs beside the sockets.
    #[command(hide = true)]
    AuditBeside(audit::Beside),
    /// Runs a command once and prints its CPU time, wall time and peak memory.
    #[command(hide = true)]
    Sample(sample::Arguments),
}

/// Returns whether every target was met.
pub(crate) fn run(bench: &Bench) -> Result<bool> {
    match bench {
        Bench::Audit(arguments) => audit::run(arguments),
        Bench::Explain(arguments) => explain::run(arguments),
        Bench::AuditBeside(beside) => audit::beside(beside),
        Bench::Sample(arguments) => sample::run(arguments),
    }
}
