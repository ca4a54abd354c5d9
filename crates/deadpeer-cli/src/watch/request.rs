//! What is asked of `deadpeer watch`, and how the command line says it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use deadpeer_core::close_reason::CloseCause;
use deadpeer_host::Namespace;
use deadpeer_host::deaths::{Death, Deaths, DeathsQuery, Means, OpenDeathsError};
use deadpeer_report::duration;

use crate::exit::Stop;
use crate::filter_args::Chosen;
use crate::table_args::TableArgs;

/// Show each connection as it dies, and why
///
/// Prints a line for every connection of this machine, those in containers included, that ends from
/// now on: who owned it, how long it lived, how much it carried, why it died, how long the peer had
/// been silent, and which setting decided. Connections that both ends closed in order are only
/// counted unless --all-ends is given. Prints a summary when interrupted. Only eBPF sees network
/// namespaces other than our own.
///
/// With eBPF (root, or CAP_BPF and CAP_PERFMON; Linux 5.12 with BTF) each death is seen as it
/// happens, with the kernel's own error, and an idle watch uses no CPU time. Without eBPF, most of
/// it comes from the kernel's announcements and from reading its table now and then: a death is
/// seen when the owner closes the connection or within seconds, guesses are marked as likely, and
/// connections that came and went between two reads have no owner. Either way nothing is taken from
/// the programs, not even a pending error.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// Include connections that both ends closed in order
    #[arg(long)]
    all_ends: bool,
    /// Only deaths of this cause, in the words of --json, such as reset or slow-reader; can be
    /// repeated
    #[arg(long, value_name = "CAUSE", value_parser = cause(), hide_possible_values = true, conflicts_with = "all_ends")]
    cause: Vec<CloseCause>,
    /// Print counts by cause and service instead of single deaths: updated in place on a terminal,
    /// otherwise every ten seconds
    #[arg(long)]
    stats: bool,
    /// With --stats: time between two updates
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "stats", allow_hyphen_values = true)]
    every: Option<Duration>,
    /// Exit after this many deaths
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Exit after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    stop_after: Option<Duration>,
    /// Also record the deaths in this file, which is created if it doesn't exist; deadpeer history
    /// reads it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer watch --port 5432                    everything that happens to a database's connections
  deadpeer watch --stats                        who loses connections, and to what
  deadpeer watch --cause slow-reader --cause keepalive-unanswered
  deadpeer watch --record deaths.db             for deadpeer history --file deaths.db
  deadpeer watch --json | jq 'select(.cause == \"keepalive-unanswered\")'

Capabilities: CAP_BPF and CAP_PERFMON for eBPF, CAP_SYS_PTRACE for the owners of other users' \
connections, CAP_SYS_ADMIN for --netns. Without them it does what it can, and says what it can't.

Exit codes:
  0  --count or --for was reached, or whoever read the output has closed it
  2  usage or run-time error";

/// Every cause by its word.
pub(crate) fn cause() -> impl TypedValueParser<Value = CloseCause> {
    let words = CloseCause::ALL.map(CloseCause::word);
    let words = words.into_iter().chain([CloseCause::Other(0).word()]);
    PossibleValuesParser::new(words)
        .try_map(|word| CloseCause::from_word(&word).ok_or("no cause has this word"))
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) chosen: Chosen,
    all_ends: bool,
    /// Of these causes alone; empty: of all that are news.
    causes: Vec<CloseCause>,
    /// Counts instead of lines.
    pub(super) stats: bool,
    /// The time between two of them.
    pub(super) every: Option<Duration>,
    /// Deaths and time after which it ends.
    pub(super) count: Option<u64>,
    pub(super) stop_after: Option<Duration>,
    /// Where they are remembered.
    pub(super) record: Option<PathBuf>,
    bpf: bool,
}

impl WatchArgs {
    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            chosen: self.table.filters.chosen()?,
            all_ends: self.all_ends,
            causes: self.cause.clone(),
            stats: self.stats,
            every: self.every,
            count: self.count,
            stop_after: self.stop_after,
            record: self.record.clone(),
            bpf: self.table.means.bpf(),
        })
    }
}

impl Request {
    /// Whether it asks for such a death.
    pub(super) fn asks_for(&self, death: &Death) -> bool {
        let word = death.reason.cause.word();
        match self.causes.is_empty() {
            true => self.all_ends || !death.is_ordinary(),
            false => self.causes.iter().any(|cause| cause.word() == word),
        }
    }

    /// Where deaths are told.
    pub(super) fn open(&self) -> Result<Deaths, Stop> {
        let query = DeathsQuery {
            // What the names mean later is looked up later.
            selector: self.chosen.selector.clone(),
            namespace: self.chosen.namespace.clone(),
            everywhere: self.chosen.scope.one().is_none(),
            means: (!self.bpf).then_some(Means::SockDiag),
        };
        Deaths::open(&query).map_err(|error| match (&self.chosen.namespace, &error) {
            (Namespace::Own, _) | (_, OpenDeathsError::Bpf(_)) => error.into(),
            _ => Stop::because(format!("cannot watch that network namespace: {error}")),
        })
    }
}
