//! What `kill` publishes.

use serde::{Deserialize, Serialize};

use super::{Ends, Word};

/// A connection, and what is to become of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "kill")]
pub struct Kill {
    /// Which.
    #[serde(flatten)]
    pub connection: Ends,
    /// Since anything was last heard of the peer, milliseconds.
    pub silent_ms: Option<u64>,
    /// "destroy", "forced", "alive", "unknown", "would-ask" (in a rehearsal), "ended" (by the
    /// question) or "over".
    pub verdict: Word,
    /// What asking the peer came to, in the words of schemas/ping.json; null: it was not answered.
    pub answer: Option<Word>,
    /// The same in words.
    pub text: String,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "kill_summary")]
pub struct KillSummary {
    /// Connections that were destroyed and are gone.
    pub destroyed: u64,
    /// Connections that the question ended, because the peer's kernel knew no such connection.
    pub ended_by_question: u64,
    /// Connections that would be asked first: a rehearsal sends nothing.
    pub would_ask: u64,
    /// Connections that ended by themselves before.
    pub gone: u64,
    /// Connections that are still there.
    pub still_there: u64,
    /// Connections that the kernel refused to destroy.
    pub refused: u64,
    /// Destroyed connections that were the last part of a Multipath TCP connection whose program
    /// could not be reached: it hears of it after `net.mptcp.close_timeout`, a minute.
    pub multipath_untold: u64,
    /// Destroyed connections that were a part of a Multipath TCP connection which goes on over
    /// others.
    pub multipath_going_on: u64,
}
