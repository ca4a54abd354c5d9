//! What is asked of the two ends.

use clap::Args;
use deadpeer_core::SlowReaders;

use super::method::{Eyes, Method, Name};
use crate::exit::Stop;
use crate::flags::DeadlineArgs;
use crate::output::OutputArgs;
use crate::policy_args::SlowReadersArg;

/// Accept connections and report what becomes of each
///
/// Like nc, for trying out a path or a setting, but it reports on the connection: the options in
/// effect and what they guarantee, each silence and each unanswered probe or retransmission, and at
/// the end who noticed what, when, and why. The other end can be any program.
///
/// What clients send goes to standard output. Standard input goes to every client connected at the
/// time, at the pace of the slowest. Reports go to standard error. Runs until interrupted.
#[derive(Debug, Args)]
#[command(after_long_help = LISTEN_EXAMPLES)]
pub(crate) struct ListenArgs {
    /// Address to listen on: :8888 for all addresses of both families, 127.0.0.1:8888, [::1]:8888;
    /// with port 0 the kernel chooses one
    #[arg(value_name = "[ADDRESS]:PORT")]
    address: String,
    /// Serve one client, then exit
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Connect to a peer and report what becomes of the connection
///
/// Like nc, for trying out a path or a setting, but it reports on the connection: the options in
/// effect and what they guarantee, each silence and each unanswered probe or retransmission, and at
/// the end who noticed what, when, and why. The other end can be any program.
///
/// What the peer sends goes to standard output, standard input goes to the peer, reports go to
/// standard error. Exits when the connection ends.
#[derive(Debug, Args)]
#[command(after_long_help = CONNECT_EXAMPLES)]
pub(crate) struct ConnectArgs {
    /// Address to connect to: example.org:8888, 192.0.2.1:8888, [2001:db8::1]:8888; all addresses
    /// of a name are tried
    #[arg(value_name = "HOST:PORT")]
    address: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

const LISTEN_EXAMPLES: &str = "\
Examples:
  deadpeer listen :8888
  deadpeer listen :8888 --no-read

Exit codes:
  0  the client of --once was not lost: it closed
  1  a client was lost: it vanished, or reset its connection
  2  usage or run-time error";

const CONNECT_EXAMPLES: &str = "\
Examples:
  deadpeer connect 192.0.2.2:8888 --within 10s
  deadpeer connect db.example:5432 --method keepalive

Exit codes:
  0  the peer was not lost: it closed
  1  the peer was lost: it vanished, or reset the connection
  2  usage or run-time error";

/// What both ends take.
#[derive(Debug, Args)]
#[command(mut_arg("within", |within| within.required(false).default_value("30s")))]
pub(crate) struct Common {
    #[command(flatten)]
    deadline: DeadlineArgs,
    /// Rely on a classic method instead of deadpeer's own: recv, tcp-info, poll, keepalive,
    /// user-timeout or heartbeat
    ///
    /// docs/methods.md says what each of them catches and misses. keepalive and user-timeout are
    /// set for the deadline; recv, tcp-info and poll set nothing. heartbeat needs a peer that
    /// speaks the protocol of docs/heartbeat.md, such as deadpeer itself.
    #[arg(long, value_name = "METHOD", hide_possible_values = true)]
    method: Option<Name>,
    /// Set socket options that keep the deadline and let the kernel decide, instead of supervising
    /// the connection
    #[arg(long, conflicts_with = "method")]
    kernel_only: bool,
    /// With --kernel-only: whether to keep or drop live peers that don't read
    #[arg(
        long,
        value_name = "keep|drop",
        requires = "kernel_only",
        hide_possible_values = true
    )]
    slow_readers: Option<SlowReadersArg>,
    /// Shut down the sending half when standard input ends, as nc -N does
    #[arg(short = 'N', long)]
    shutdown: bool,
    /// Read nothing, so that the peer's data meets a closed window
    #[arg(long)]
    no_read: bool,
    /// Report normal events too: each answer, each arrival
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Serve at an address.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(super) address: String,
    pub(super) once: bool,
    pub(super) conduct: Conduct,
}

/// Connect to an address.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(super) address: String,
    pub(super) conduct: Conduct,
}

/// How an end behaves.
#[derive(Debug)]
pub(super) struct Conduct {
    pub(super) method: Method,
    /// Shut the sending half down when standard input ends.
    pub(super) shutdown: bool,
    pub(super) reads: bool,
    /// Say also what is as it should be.
    pub(super) verbose: bool,
}

impl ListenArgs {
    /// As plain values.
    pub(crate) fn request(&self) -> Result<Listen, Stop> {
        Ok(Listen {
            address: self.address.clone(),
            once: self.once,
            conduct: self.common.conduct()?,
        })
    }
}

impl ConnectArgs {
    /// As plain values.
    pub(crate) fn request(&self) -> Result<Connect, Stop> {
        Ok(Connect {
            address: self.address.clone(),
            conduct: self.common.conduct()?,
        })
    }
}

impl Common {
    /// How the end behaves, unless what is asked for could never notice anything.
    fn conduct(&self) -> Result<Conduct, Stop> {
        let within = self.deadline.within;
        let method = match (self.method, self.kernel_only) {
            (Some(name), _) => Method::classic(name, within)?,
            (None, true) => {
                let slow_readers = self.slow_readers.map(SlowReaders::from);
                Method::kernel_only(within, slow_readers.unwrap_or(SlowReaders::Keep))?
            }
            (None, false) => Method::supervised(within)?,
        };
        let by_reading = [Name::Recv, Name::Heartbeat].map(Eyes::Classic);
        if self.no_read && by_reading.contains(&method.eyes) {
            return Err(Stop::because(format!(
                "--method {} with --no-read would notice nothing: it goes by what is read",
                method.name()
            )));
        }
        Ok(Conduct {
            method,
            shutdown: self.shutdown,
            reads: !self.no_read,
            verbose: self.verbose,
        })
    }
}
