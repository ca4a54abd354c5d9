//! What `ping` publishes.

use serde::{Deserialize, Serialize};

use super::{Place, Word};
use crate::raw::RawText;

/// One question to one connection, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "ping")]
pub struct Ping {
    /// The number of the question, from 1.
    pub number: u32,
    /// Which.
    #[serde(flatten)]
    pub connection: Ends,
    /// What came of it.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reply {
    /// "answered", "unanswered", "heard" (no probe was needed), "not-now", "ended" (by this probe),
    /// "over", "withheld" (the question could have ended it), "not-sent" or "unreachable".
    pub answer: Word,
    /// From the probe to its answer, microseconds.
    pub rtt_us: Option<u64>,
    /// Probes or retransmissions of the kernel itself that nothing had answered, where that is why
    /// it was not asked.
    pub unanswered: Option<u32>,
    /// The same in words.
    pub text: String,
}

/// The last line about a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "ping_summary")]
pub struct PingSummary {
    /// Which.
    #[serde(flatten)]
    pub connection: Ends,
    /// Probes that went out.
    pub sent: u32,
    /// Probes that were answered.
    pub answered: u32,
    /// Probes that were answered after their time was over.
    pub late: u32,
    /// Times at which the peer had been heard a moment ago, so that no probe was needed.
    pub heard: u32,
    /// Times at which nothing could be asked.
    pub unasked: u32,
    /// Probes at the end that nothing answered.
    pub unanswered_at_the_end: u32,
    /// Shortest round trip, microseconds.
    pub rtt_min_us: Option<u64>,
    /// Mean round trip, microseconds.
    pub rtt_avg_us: Option<u64>,
    /// Longest round trip, microseconds.
    pub rtt_max_us: Option<u64>,
    /// "there", "gone" or "unknown", as the exit code has it.
    pub peer_is: Word,
}

/// A connection, by its ends and who has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ends {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// Our end, address:port.
    pub local: String,
    /// The other end, address:port.
    pub peer: String,
    /// The state, such as "established".
    pub state: Word,
    /// SO_COOKIE: a number that no other socket of this boot has.
    pub cookie: u64,
    /// The first process that holds it; null: none that could be seen.
    pub process: Option<RawText>,
    /// Its number.
    pub pid: Option<u32>,
    /// Its descriptor.
    pub fd: Option<i32>,
}
