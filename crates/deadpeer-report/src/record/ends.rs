//! What `listen` and `connect` publish.

use serde::{Deserialize, Serialize};

use super::{Forecast, Options, Word};
use crate::raw::RawText;

/// `deadpeer listen` is ready for clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "listening")]
pub struct Listening {
    /// Where.
    pub address: String,
    /// "supervised", "kernel-only", "recv", "tcp-info", "poll", "keepalive", "user-timeout" or
    /// "heartbeat".
    pub method: Word,
    /// The deadline, milliseconds.
    pub within_ms: u64,
}

/// A connection stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "connected")]
pub struct Connected {
    /// When, milliseconds.
    pub at_ms: u64,
    /// The other end.
    pub peer: String,
    /// This end.
    pub local: String,
    /// As in "listening".
    pub method: Word,
    /// The deadline, milliseconds.
    pub within_ms: u64,
    /// The options in force.
    pub settings: Options,
    /// When the kernel alone would give the connection up.
    pub notices_in: Forecast,
}

/// Something was seen of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "seen")]
pub struct Seen {
    /// When, milliseconds.
    pub at_ms: u64,
    /// The other end.
    pub peer: String,
    /// "received" (data), "answered" (without data), "unanswered", "heard-again" (after questions
    /// without an answer), "silent" (for the deadline, and each time that doubled),
    /// "window-closed", "window-open", "agreed" (on heartbeats), "fin" (the peer's) or "shut-down"
    /// (our sending half).
    pub what: Word,
    /// Bytes that came, or that wait behind a closed window; null: not about bytes.
    pub bytes: Option<u64>,
    /// What came; bytes that are no UTF-8 as `\xNN`. null: nothing came.
    pub text: Option<RawText>,
    /// "probe", "window-probe", "retransmission" or "ping": what has no answer; null: not about
    /// questions.
    pub question: Option<Word>,
    /// Questions in a row without an answer; null: not about questions.
    pub unanswered: Option<u32>,
    /// How long nothing had been heard, milliseconds; for "agreed", how long that may be. null: not
    /// about silence.
    pub silent_ms: Option<u64>,
}

/// A connection is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "ended")]
pub struct Ended {
    /// When, milliseconds.
    pub at_ms: u64,
    /// The other end.
    pub peer: String,
    /// Whether the peer was lost: it vanished, or the connection broke. One that closes in order is
    /// not lost.
    pub lost: bool,
    /// Who ended it: "peer", "kernel", "supervision", "heartbeat", "administrator", "us"
    /// (interrupted) or "unknown".
    pub by: Word,
    /// What the kernel asked in vain: "probe", "window-probe" or "retransmission"; null: it was not
    /// the kernel that ended it.
    pub question: Option<Word>,
    /// The method in use.
    pub method: Word,
    /// What showed the end to it.
    pub sign: String,
    /// The cause in one word, such as "timed-out"; null: no error and no FIN, somebody judged.
    pub cause: Option<Word>,
    /// The name of the connection's error, such as "ETIMEDOUT"; null: none.
    pub errno: Option<String>,
    /// Why, in one sentence.
    pub why: String,
    /// How long nothing had been heard, milliseconds; null: not known.
    pub silent_ms: Option<u64>,
    /// Questions in a row without an answer.
    pub unanswered: u32,
    /// The TCP state at that moment; null: not known.
    pub tcpi_state: Option<Word>,
    /// The bits that poll(2) showed at that moment, such as "ERR HUP RDHUP".
    pub poll: String,
    /// Bytes received, frames of heartbeats included.
    pub received: u64,
    /// Bytes sent, frames of heartbeats included.
    pub sent: u64,
    /// How long it stood, milliseconds.
    pub stood_ms: u64,
}
