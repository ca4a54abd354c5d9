//! The command lines of the two ends.

use super::method::Name;
use crate::policy_args::SlowReadersArg;
use crate::text::duration;
use clap::Args;
use deadpeer_core::SlowReaders;
use std::time::Duration;

/// Serve clients by hand and say what is seen of each of them
///
/// One of two ends for trying a path or a setting, like nc, that talks about liveness: the options in force and what they promise, each
/// silence and unanswered question, and at the end who noticed what, when, and why. Any program may be the other end.
///
/// What clients send goes to standard output; standard input goes to every client connected at the time, the slowest sets the pace.
/// What is seen goes to standard error. Ends when it is interrupted.
///
/// Exit code 1 if a client was lost: it vanished, or reset its connection. One that closes is not lost.
///
/// For example: deadpeer listen :8888 --within 30s
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Where: :8888 for every address of both families, 127.0.0.1:8888, [::1]:8888; port 0 lets the kernel choose
    #[arg(value_name = "[ADDRESS]:PORT")]
    pub(super) address: String,
    /// Serve one client and end with it
    #[arg(long)]
    pub(super) once: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Connect by hand and say what is seen of the other end
///
/// One of two ends for trying a path or a setting, like nc, that talks about liveness: the options in force and what they promise, each
/// silence and unanswered question, and at the end who noticed what, when, and why. Any program may be the other end.
///
/// What comes goes to standard output, standard input goes to the peer, what is seen goes to standard error. Ends with the connection.
///
/// Exit code 1 if the peer was lost: it vanished, or reset the connection. One that closes is not lost.
///
/// For example: deadpeer connect example.org:8888 --method keepalive --within 30s
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// Where to: example.org:8888, 192.0.2.1:8888, [2001:db8::1]:8888; each address of a name is tried
    #[arg(value_name = "HOST:PORT")]
    pub(super) address: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What both ends take.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The deadline: how soon a vanished peer is to be noticed
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true, default_value = "30s")]
    pub(super) within: Duration,
    /// Rely on a classic method instead of deadpeer's own: recv, tcp-info, poll, keepalive, user-timeout or heartbeat
    ///
    /// What each of them catches and misses stands in docs/methods.md. keepalive and user-timeout are set for the deadline; recv,
    /// tcp-info and poll set nothing. heartbeat needs an end that speaks docs/heartbeat.md, such as the other one of deadpeer.
    #[arg(long, value_name = "METHOD", hide_possible_values = true)]
    pub(super) method: Option<Name>,
    /// Set socket options that keep the deadline and let the kernel decide, instead of supervising
    #[arg(long, conflicts_with = "method")]
    pub(super) kernel_only: bool,
    /// With --kernel-only: keep or drop live peers that don't read
    #[arg(
        long,
        value_name = "keep|drop",
        requires = "kernel_only",
        hide_possible_values = true
    )]
    slow_readers: Option<SlowReadersArg>,
    /// Shut the sending half down when standard input ends, as nc -N does
    #[arg(short = 'N', long)]
    pub(super) shutdown: bool,
    /// Read nothing, so that the other end meets a closed window
    #[arg(long)]
    pub(super) no_read: bool,
    /// Say also what is as it should be: each answer, each arrival
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// Print JSON lines on standard output, data included: see schemas/listening.json, connected.json, seen.json and ended.json
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    /// What a plan does with live peers that don't read.
    pub(super) fn slow_readers(&self) -> SlowReaders {
        self.slow_readers
            .map_or(SlowReaders::Keep, SlowReaders::from)
    }
}
