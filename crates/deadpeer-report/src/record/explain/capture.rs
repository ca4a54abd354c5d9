//! What stands around stories: groups of them, packets, and the capture as a whole.

use serde::{Deserialize, Serialize};

use crate::record::{Time, Word};

/// Stories that are one: they come before the line of the capture, and those of a scan only with
/// --all one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "group")]
pub struct Group {
    /// port-scan, host-scan, syn-flood or idle-reset.
    pub what: Word,
    /// How many connections.
    pub count: usize,
    /// The numbers of the first hundred of them.
    pub connections: Vec<u64>,
    /// All of it for a person.
    pub sentence: String,
}

/// A TCP segment and what it is to its connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "packet")]
pub struct Packet {
    /// When it was captured.
    pub at: Time,
    /// The number of its connection.
    pub connection: u64,
    /// Who sent it: client or server.
    pub side: Word,
    /// What it is: syn, data, probe, probe-answer and so on.
    pub kind: Word,
    /// As tcpdump writes them.
    pub flags: String,
    /// The sequence number.
    pub seq: u32,
    /// The acknowledgment number; null: it acknowledges nothing.
    pub ack: Option<u32>,
    /// The window, not scaled.
    pub window: u16,
    /// Bytes of payload.
    pub length: u32,
}

/// The capture as a whole; the last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "capture")]
pub struct Capture {
    /// Packets.
    pub packets: u64,
    /// TCP segments.
    pub segments: u64,
    /// Connections.
    pub connections: u64,
    /// Connections that hung on somebody who was gone, among those that match the filters.
    pub deaths: usize,
    /// Connections of which the capture does not tell whether anybody was gone, among the same.
    pub untold: usize,
    /// Connections with nothing to tell that were left out.
    pub fine: usize,
    /// Connections reported with another: the same before or after a translation of addresses.
    pub retold: usize,
    /// The first packet.
    pub first: Option<Time>,
    /// The last packet.
    pub last: Option<Time>,
    /// Connections that were forgotten because there were too many.
    pub evicted: u64,
    /// Packets that the capturing machine says it lost; null: it doesn't say.
    pub lost: Option<u64>,
    /// What one has to know about the capture, a sentence each.
    pub caveats: Vec<String>,
}
