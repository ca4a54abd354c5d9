//! The story of a connection.

use serde::{Deserialize, Serialize};

use super::{Event, StoryVerdict};
use crate::record::{Options, Time};

/// What happened to a connection. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "story")]
pub struct Story {
    /// Its number, from 1 in the order of first packets.
    pub connection: u64,
    /// Who opened it, with what the side sent and the settings its timers show.
    pub client: Side,
    /// The other.
    pub server: Side,
    /// Whether the opening was captured; otherwise who is client is guessed by the ports.
    pub opening_seen: bool,
    /// Its first packet.
    pub first: Time,
    /// Its last packet.
    pub last: Time,
    /// How bad it is, 0 is fine, 6 the worst.
    pub severity: u8,
    /// The same connection as the capture has it before or after a translation of its addresses;
    /// null: it has it once.
    pub translated: Option<Translated>,
    /// What it comes to.
    pub verdict: StoryVerdict,
    /// What happened, in order.
    pub timeline: Vec<Event>,
    /// What else there is to say, a sentence each.
    pub remarks: Vec<String>,
    /// The options of the plan for --within, where it would have noticed sooner; null: nobody was
    /// gone, it would not, or no options can.
    pub plan: Option<Options>,
}

/// As what else a connection was captured: a NAT or a load balancer between the places of capture
/// translated its addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Translated {
    /// The number under which it is told, with the verdict; null: here.
    pub told_as: Option<u64>,
    /// Under which other numbers, addresses and ports it was captured.
    pub others: Vec<SeenAs>,
    /// Whether the server's answer was seen under an address only that the client had not asked.
    pub stray_answer: bool,
}

/// One of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SeenAs {
    /// Its number.
    pub connection: u64,
    /// The client's address and port.
    pub client: String,
    /// The server's address and port.
    pub server: String,
}

/// One side of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Side {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Segments it sent, those seen twice not counted.
    pub packets: u64,
    /// Bytes of payload, sent again or not.
    pub bytes: u64,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Keepalive probes.
    pub probes: u32,
    /// Of these, answered.
    pub probes_answered: u32,
    /// Probes of the other side's closed window.
    pub window_probes: u32,
    /// Of these, answered.
    pub window_probes_answered: u32,
    /// Packets that the capture has more than once.
    pub seen_twice: u32,
    /// Bytes that the other side acknowledged and the capture doesn't have.
    pub uncaptured_bytes: u64,
    /// TCP_KEEPIDLE as its probes show it, seconds; null: they don't.
    pub tcp_keepidle_s: Option<u32>,
    /// What was measured of it, microseconds.
    pub measured_idle_us: Option<u64>,
    /// TCP_KEEPINTVL as its probes show it, seconds; null: they don't.
    pub tcp_keepintvl_s: Option<u32>,
    /// What was measured of it, microseconds.
    pub measured_interval_us: Option<u64>,
    /// Unanswered probes after which it gave up; null: it didn't.
    pub tcp_keepcnt: Option<u32>,
    /// The retransmission timeout it showed, microseconds.
    pub rto_us: Option<u64>,
    /// How long it sent the same again before it gave up, at least.
    pub gave_up_after_us: Option<u64>,
    /// The same, at most.
    pub gave_up_before_us: Option<u64>,
}
