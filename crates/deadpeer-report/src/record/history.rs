//! What `history` publishes, beside the deaths themselves.

use serde::{Deserialize, Serialize};

use super::Word;
use crate::raw::RawText;

/// Deaths that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "death_group")]
pub struct DeathGroup {
    /// What they have in common: "cause", "service", "peer" or "hour". The others are null.
    pub by: Word,
    /// The cause, as in a death.
    pub cause: Option<Word>,
    /// The name of the processes; null also: unknown.
    pub process: Option<RawText>,
    /// "accepted" or "outgoing".
    pub direction: Option<Word>,
    /// The port they were accepted on or went to.
    pub port: Option<u16>,
    /// The network of the peers: a /24 of IPv4 or a /48 of IPv6.
    pub network: Option<String>,
    /// The hour they died in: its beginning, RFC 3339 in UTC.
    pub hour: Option<String>,
    /// How many died.
    pub deaths: u64,
    /// Of what, the most frequent first.
    pub causes: Vec<CauseCount>,
    /// When the last died, RFC 3339 in UTC.
    pub last_at: String,
    /// The longest silence that a peer of the network broke by a sign of life; null: none is
    /// known, or these are of no network.
    pub survived_silence_ms: Option<u64>,
    /// The shortest silence of a peer that was given up because it answered nothing any more; null:
    /// none was.
    pub fatal_silence_ms: Option<u64>,
}

/// How many died of a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CauseCount {
    /// As in a death.
    pub cause: Word,
    /// How many.
    pub deaths: u64,
}

/// The last line: what was looked at, and what is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "history")]
pub struct History {
    /// The file.
    pub file: RawText,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// Deaths that were chosen.
    pub deaths: u64,
    /// All connections that both ends closed in order since then, counted in whole hours: they are
    /// counted and not kept.
    pub ordinary_closes: u64,
    /// Deaths since then that are missing.
    pub lost: Vec<LostDeaths>,
    /// For how long since then somebody recorded: in the rest of the time nobody looked.
    pub recorded_ms: u64,
    /// Until when, RFC 3339 in UTC; null: nobody recorded.
    pub recorded_until: Option<String>,
}

/// Deaths that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LostDeaths {
    /// How many.
    pub deaths: u64,
    /// "unseen" (they came faster than the kernel could tell), "too-many" (faster than they could
    /// be written) or "unwritable" (the file could not be written for too long).
    pub why: Word,
}
