//! What `guard` is asked.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use deadpeer_guard::live::Asked;
use deadpeer_guard::{Config, Source};
use deadpeer_host::Scope;

use super::export::Endpoint;
use crate::exit::Stop;
use crate::history::usual_file;
use crate::output::OutputArgs;

/// Keep a machine free of connections whose peers are gone: the daemon
///
/// Looks at all connections every few seconds, and judges those whose peers leave questions
/// unanswered: retransmissions, window probes, and keepalive probes where a policy has the kernel
/// send them. What is judged unreachable is destroyed where a policy says so. A connection whose
/// peer answers is never destroyed, even if the peer doesn't read. Nothing is destroyed while so
/// many peers are silent at once that the fault may well be ours, after this machine lost a link,
/// an address or a route to peers, or after it slept.
///
/// Without a configuration it only observes: it sends nothing and changes nothing. A configuration
/// is a list of policies, and the first that matches a connection decides. What each may do is set
/// to "off", "observe" (the default) or "enforce".
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands for a running guard",
    disable_help_subcommand = true
)]
pub(crate) struct GuardArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Configuration [default: /etc/deadpeer/guard.toml if it exists]; files guard.d/*.toml beside
    /// it add policies
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only check the configuration
    #[arg(long)]
    check: bool,
    /// Read everything once, say what would be done, and change nothing
    #[arg(long, conflicts_with = "check")]
    once: bool,
    /// Guard this network namespace instead of the machine's: a name (ip netns), a path, the PID of
    /// a process in it, own or all; can be repeated [default: all of the machine for root outside
    /// of containers, otherwise our own]
    #[arg(long, value_name = "NAME|PATH|PID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    netns: Vec<String>,
    /// Record deaths in this file, for deadpeer history [default: history.db in /var/lib/deadpeer
    /// or $XDG_STATE_HOME/deadpeer]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Record no deaths
    #[arg(long, conflicts_with = "history")]
    no_history: bool,
    /// Serve Prometheus metrics (/metrics) and a health check (/healthz) at this address, such as
    /// 127.0.0.1:9717. Nothing listens unless this is given
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["check", "once"])]
    listen: Option<SocketAddr>,
    /// Send deaths and kills as log records, and the metrics, to this OpenTelemetry collector, such
    /// as http://127.0.0.1:4318 (OTLP over HTTP; built in with --features otlp). Nothing is sent
    /// unless this is given
    #[arg(long, value_name = "URL", conflicts_with_all = ["check", "once"])]
    otlp: Option<Endpoint>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What a running guard can be asked.
#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Show what it sees, what it has done, and why it is holding back
    Status(OutputArgs),
    /// Destroy nothing until resumed
    Hold(OutputArgs),
    /// Go on: the peers whose silence looked like our own fault really are gone
    Resume(OutputArgs),
    /// Read the configuration again; a wrong one is refused, and the old one stays in force
    Reload(OutputArgs),
}

const EXAMPLES: &str = "\
Examples:
  deadpeer guard --once                       what a guard would do about the current connections
  deadpeer guard --check                      whether the configuration is right
  deadpeer guard                              guard until stopped; SIGHUP reloads the configuration
  deadpeer guard --listen 127.0.0.1:9717      and serve metrics to Prometheus
  deadpeer guard status --json | jq .holding   why it destroys nothing now

A policy in /etc/deadpeer/guard.toml (docs/guard.md has all of its words):
  [[policy]]
  name = \"redis\"
  match = { process = \"redis-server\", port = 6379 }
  deadline = \"30s\"
  supervise = \"enforce\"     # have the kernel ask idle peers
  kill = \"enforce\"          # destroy what does not answer

Logs go to the journal under systemd, otherwise to stderr; with --json as JSON lines.

Capabilities: CAP_NET_ADMIN to destroy, CAP_SYS_PTRACE to see owners and have their peers asked, \
CAP_BPF and CAP_PERFMON to see deaths as they happen, CAP_SYS_ADMIN to enter other network \
namespaces: without it those of containers are not guarded, and it says so.

Exit codes:
  0  stopped by SIGTERM, as systemd does it; --check: the configuration is right
  2  usage or run-time error, a wrong configuration, or another guard is running
  130  interrupted, as by Ctrl-C: it stops in the same orderly way";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) task: Task,
    pub(super) source: Source,
    pub(super) scope: Scope,
    /// Where deaths are remembered; `None`: nowhere.
    pub(super) history: Option<PathBuf>,
    /// Where metrics are shown; `None`: nowhere.
    pub(super) listen: Option<SocketAddr>,
    /// The collector that is told; `None`: nobody is.
    pub(super) otlp: Option<Endpoint>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    Run,
    Check,
    Once,
    Ask(Asked),
}

impl GuardArgs {
    pub(crate) fn output(&self) -> OutputArgs {
        match self.command {
            None => self.output,
            Some(
                Command::Status(output)
                | Command::Hold(output)
                | Command::Resume(output)
                | Command::Reload(output),
            ) => output,
        }
    }

    /// As plain values.
    pub(crate) fn request(&self) -> Request {
        Request {
            task: match self.command {
                Some(Command::Status(_)) => Task::Ask(Asked::Status),
                Some(Command::Hold(_)) => Task::Ask(Asked::Hold),
                Some(Command::Resume(_)) => Task::Ask(Asked::Resume),
                Some(Command::Reload(_)) => Task::Ask(Asked::Reload),
                None if self.check => Task::Check,
                None if self.once => Task::Once,
                None => Task::Run,
            },
            source: self.config.clone().map_or(Source::Usual, Source::File),
            scope: scope(&self.netns),
            history: match (&self.history, self.no_history) {
                (_, true) => None,
                (Some(file), false) => Some(file.clone()),
                (None, false) => Some(usual_file()),
            },
            listen: self.listen,
            otlp: self.otlp.clone(),
        }
    }
}

/// Which network namespaces are guarded.
fn scope(netns: &[String]) -> Scope {
    let scopes = netns.iter().map(|text| {
        let Ok(scope) = text.parse::<Scope>();
        scope
    });
    match scopes.collect::<Vec<_>>().as_slice() {
        [] => Scope::usual(),
        [one] => one.clone(),
        several => {
            let ways = several.iter().map(|scope| scope.one().cloned());
            // With all of them, those that are named are meant already.
            ways.collect::<Option<_>>()
                .map_or(Scope::All, Scope::Several)
        }
    }
}

impl Request {
    /// The configuration.
    pub(super) fn load(&self) -> Result<Config, Stop> {
        Ok(self.source.load()?)
    }
}
