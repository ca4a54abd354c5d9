//! What `history` is asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use deadpeer_core::close_reason::CloseCause;
use deadpeer_host::filter::PastFilter;
use deadpeer_host::undo::default_directory;
use deadpeer_report::duration;

use super::groups::By;
use crate::exit::Stop;
use crate::filter_args::FilterArgs;
use crate::output::OutputArgs;
use crate::watch::cause;

/// Show which connections died in the past, and why
///
/// Reads the file in which deadpeer guard or deadpeer watch --record records deaths, even while it
/// is being written. Connections that both ends closed in order are only counted. Where nothing was
/// recorded, or deaths were lost, it says so.
///
/// The file is an SQLite database: sqlite3 reads it too, and its view `deaths` is made for that.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, mut_arg("netns", |netns| netns.hide(true)))]
pub(crate) struct HistoryArgs {
    /// How far to look back, such as 1h or 7d
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1d", allow_hyphen_values = true)]
    since: Duration,
    /// Add up deaths instead of showing each
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Only deaths of this cause, in the words of --json, such as reset or slow-reader; can be
    /// repeated
    #[arg(long, value_name = "CAUSE", value_parser = cause(), hide_possible_values = true)]
    cause: Vec<CloseCause>,
    /// Show only the last N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "by")]
    last: Option<u64>,
    /// File to read, instead of history.db in /var/lib/deadpeer or $XDG_STATE_HOME/deadpeer
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    filters: FilterArgs,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer history --since 1h                   what died in the last hour, and why
  deadpeer history --by cause --since 7d        what connections of this machine die of
  deadpeer history --by peer                    which networks lose connections, after which silence
  deadpeer history --process postgres --last 5
  sqlite3 -readonly /var/lib/deadpeer/history.db 'SELECT time, cause, peer_address FROM deaths'

Exit codes:
  0  the file was read
  2  usage or run-time error; there is no such file
  3  can't tell: nothing was recorded in that time";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) since: Duration,
    pub(super) by: Option<By>,
    /// Words of causes; empty: any.
    pub(super) causes: Vec<&'static str>,
    pub(super) last: Option<usize>,
    pub(super) file: PathBuf,
    pub(super) filter: PastFilter,
}

/// Where a guard remembers deaths, unless told otherwise.
pub(crate) fn usual_file() -> PathBuf {
    default_directory().join("history.db")
}

impl HistoryArgs {
    /// As plain values.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        let file = self.file.clone();
        Ok(Request {
            since: self.since,
            by: self.by,
            causes: self.cause.iter().map(|cause| cause.word()).collect(),
            last: self
                .last
                .map(|last| usize::try_from(last).unwrap_or(usize::MAX)),
            file: file.unwrap_or_else(usual_file),
            filter: self.filters.past()?,
        })
    }
}
