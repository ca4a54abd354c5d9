//! What hangs now, and what leaks.

use serde::{Deserialize, Serialize};

use super::super::{Notice, Place, Word};
use crate::raw::RawText;

/// Connections of one service that wait for the same of the same peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "hanging")]
pub struct Hanging {
    /// Where they are.
    #[serde(flatten)]
    pub place: Place,
    /// The program's name; null: its owner could not be seen.
    pub process: Option<RawText>,
    /// "listening", "accepted" or "outgoing", as of a service.
    pub role: Word,
    /// The listening address.
    pub address: Option<String>,
    /// The listening port, or the port of the peers.
    pub port: u16,
    /// The peer's address; null: there are too many to tell apart.
    pub peer: Option<String>,
    /// What they wait for, as in a connection, or the "program" that has not read what came.
    pub awaited: Word,
    /// How many there are.
    pub connections: u64,
    /// How long the one that waits longest does, in milliseconds, at least.
    pub longest_ms: u64,
    /// When the last of them ends, its peer being gone; null: not known, or the kernel waits for
    /// none of them.
    pub last_ends: Option<Notice>,
    /// Bytes that the program has not read.
    pub unread_bytes: u64,
}

/// Descriptors that a program does not close though its peers have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "leak")]
pub struct Leak {
    /// Where they are.
    #[serde(flatten)]
    pub place: Place,
    /// The program's name; null: its owner could not be seen.
    pub process: Option<RawText>,
    /// "listening", "accepted" or "outgoing", as of a service; null: of connections that are over
    /// that does not show.
    pub role: Option<Word>,
    /// The listening address.
    pub address: Option<String>,
    /// The listening port, or the port of the peers; of connections that are over the local one.
    pub port: Option<u16>,
    /// Connections in CLOSE_WAIT for so long that the program could have closed them.
    pub close_wait: u64,
    /// The oldest of them, in milliseconds, at least.
    pub oldest_ms: u64,
    /// Peers that closed within the last minute.
    pub last_minute: u64,
    /// Peers that closed within the last hour.
    pub last_hour: u64,
    /// Descriptors whose connection is over, so that no table shows them.
    pub over: u64,
}
