//! Connections and listeners, one line each.

use serde::{Deserialize, Serialize};

use super::super::{Forecast, Notice, Options, Place, Word};
use super::{Bound, Finding};
use crate::raw::RawText;

/// A connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "connection")]
pub struct Connection {
    /// What listeners have as well.
    #[serde(flatten)]
    pub socket: Socket,
    /// The other end, address:port.
    pub peer: String,
    /// The timer that runs; null: none.
    pub timer: Option<Timer>,
    /// Bytes received and not read by the program.
    pub idiag_rqueue: u32,
    /// Bytes written and not acknowledged by the peer.
    pub idiag_wqueue: u32,
    /// Segments in flight.
    pub tcpi_unacked: Option<u32>,
    /// Retransmission timeouts in a row without an answer.
    pub tcpi_retransmits: Option<u8>,
    /// Keepalive or window probes in a row without an answer.
    pub tcpi_probes: Option<u8>,
    /// How often the retransmission timeout has doubled.
    pub tcpi_backoff: Option<u8>,
    /// Retransmission timeout, microseconds.
    pub tcpi_rto_us: Option<u32>,
    /// Smoothed round-trip time, microseconds.
    pub tcpi_rtt_us: Option<u32>,
    /// Since data was last sent, milliseconds.
    pub tcpi_last_data_sent_ms: Option<u32>,
    /// Since data was last received, milliseconds.
    pub tcpi_last_data_recv_ms: Option<u32>,
    /// Since anything was last heard of the peer, milliseconds.
    pub tcpi_last_ack_recv_ms: Option<u32>,
    /// The window that the peer announced, bytes.
    pub tcpi_snd_wnd: Option<u32>,
    /// When the kernel ends it if its peer is gone at this moment, by the timers that are armed;
    /// null: unknown.
    pub ends: Option<Notice>,
    /// What it waits for of its peer, for longer than a lost packet explains; null: nothing.
    pub waiting: Option<Waiting>,
    /// What its own program has not read for long; null: nothing.
    pub unread: Option<Unread>,
    /// The program has closed it: when the kernel gives it up, its peer silent; null: it is open.
    pub given_up: Option<GivenUp>,
}

/// A listener: what connections get that it will accept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "listener")]
pub struct Listener {
    /// What listeners have as well.
    #[serde(flatten)]
    pub socket: Socket,
    /// Connections that wait for accept().
    pub accept_queue: u32,
    /// The most that may wait.
    pub accept_queue_max: u32,
}

/// What connections and listeners have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Socket {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// Our end, address:port.
    pub local: String,
    /// The state, such as "established".
    pub state: Word,
    /// Every process that holds it and could be seen.
    pub owners: Vec<Owner>,
    /// The user it belongs to.
    pub uid: u32,
    /// The number in /proc/PID/fd; null: no process holds it.
    pub inode: Option<u32>,
    /// SO_COOKIE: a number that no other socket of this boot has.
    pub cookie: u64,
    /// The options in force; null: unknown.
    pub settings: Option<Options>,
    /// Where the settings come from: "socket", "listener" (it waits in a queue), "unknown" or
    /// "nobody" (no process holds it).
    pub settings_from: Word,
    /// Why they are unknown.
    pub settings_unknown: Option<Word>,
    /// What the settings foretell; null: unknown.
    pub notices_in: Option<Forecast>,
    /// Without settings: what the armed timer still proves.
    pub proven: Option<Proven>,
    /// Whether the deadline is missed; null: unknown, or there is none.
    pub over_deadline: Option<bool>,
    /// What is odd.
    pub findings: Vec<Finding>,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Owner {
    /// Its name.
    pub process: RawText,
    /// Its number.
    pub pid: u32,
    /// Its descriptor.
    pub fd: i32,
}

/// A timer of the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timer {
    /// "retransmit", "keepalive", "time-wait", "zero-window-probe" or "other".
    pub kind: Word,
    /// Until it fires, milliseconds, before the kernel rounds it up.
    pub expires_in_ms: u32,
    /// What was already sent without an answer.
    pub unanswered: u8,
}

/// What was sent to the peer and is not answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waiting {
    /// The answer to a SYN ("connection"), to data ("acknowledgement"), to our FIN
    /// ("fin-acknowledgement"), to keepalive ("probe"), to a probe of a closed window
    /// ("window-probe"); or room in the window of a peer whose kernel answers ("reader").
    pub awaited: Word,
    /// For so many milliseconds at least; of a probe: the silence.
    pub since_ms: u64,
    /// Retransmissions or probes in a row without an answer.
    pub unanswered: u32,
}

/// What a program has not read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unread {
    /// Bytes.
    pub bytes: u32,
    /// The newest of them have waited for so many milliseconds, at least.
    pub since_ms: u64,
}

/// The end of a connection without a descriptor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GivenUp {
    /// Within so many milliseconds.
    pub within_ms: u64,
    /// Its settings are unknown, and the kernel's defaults were taken for them.
    pub settings_assumed: bool,
}

/// What is proven without the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Proven {
    /// Silence while idle.
    pub idle: Bound,
    /// Silence with data in flight.
    pub in_flight: Bound,
    /// Silence before a late write.
    pub late_write: Bound,
}
