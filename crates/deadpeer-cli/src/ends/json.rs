//! What is said as JSON lines. Times count from the start of the command.

use super::ending::Ending;
use super::line::Line;
use super::method::Method;
use super::seen::{Question, Seen};
use crate::json::{ForecastJson, OptionsJson, milliseconds};
use deadpeer_core::{Effective, Forecast};
use serde::Serialize;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

/// `deadpeer listen` is ready for clients.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "listening")]
pub(crate) struct ListeningJson {
    /// Where.
    address: String,
    /// "supervised", "kernel-only", "recv", "tcp-info", "poll", "keepalive", "user-timeout" or "heartbeat".
    method: &'static str,
    /// The deadline, milliseconds.
    within_ms: u64,
}

/// A connection stands.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "connected")]
pub(crate) struct ConnectedJson {
    /// When, milliseconds.
    at_ms: u64,
    /// The other end.
    peer: String,
    /// This end.
    local: String,
    /// As in "listening".
    method: &'static str,
    /// The deadline, milliseconds.
    within_ms: u64,
    /// The options in force.
    settings: OptionsJson,
    /// When the kernel alone would give the connection up.
    notices_in: ForecastJson,
}

/// Something was seen of a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "seen")]
pub(crate) struct SeenJson<'a> {
    /// When, milliseconds.
    at_ms: u64,
    /// The other end.
    peer: String,
    /// "received" (data), "answered" (without data), "unanswered", "heard-again" (after questions without an answer), "silent" (for
    /// the deadline, and each time that doubled), "window-closed", "window-open", "agreed" (on heartbeats), "fin" (the
    /// peer's) or "shut-down" (our sending half).
    what: &'static str,
    /// Bytes that came, or that wait behind a closed window; null: not about bytes.
    bytes: Option<u64>,
    /// What came, as text; what is no UTF-8 is replaced. null: nothing came.
    text: Option<Cow<'a, str>>,
    /// "probe", "window-probe", "retransmission" or "ping": what has no answer; null: not about questions.
    question: Option<&'static str>,
    /// Questions in a row without an answer; null: not about questions.
    unanswered: Option<u32>,
    /// How long nothing had been heard, milliseconds; for "agreed", how long that may be. null: not about silence.
    silent_ms: Option<u64>,
}

/// A connection is over.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "ended")]
pub(crate) struct EndedJson {
    /// When, milliseconds.
    at_ms: u64,
    /// The other end.
    peer: String,
    /// Whether the peer was lost: it vanished, or the connection broke. One that closes in order is not lost.
    lost: bool,
    /// Who ended it: "peer", "kernel", "supervision", "heartbeat", "administrator", "us" (interrupted) or "unknown".
    by: &'static str,
    /// What the kernel asked in vain: "probe", "window-probe" or "retransmission"; null: it was not the kernel that ended it.
    question: Option<&'static str>,
    /// The method in use.
    method: &'static str,
    /// What showed the end to it.
    sign: String,
    /// The cause in one word, such as "timed-out"; null: no error and no FIN, somebody judged.
    cause: Option<&'static str>,
    /// The name of the connection's error, such as "ETIMEDOUT"; null: none.
    errno: Option<String>,
    /// Why, in one sentence.
    why: String,
    /// How long nothing had been heard, milliseconds; null: not known.
    silent_ms: Option<u64>,
    /// Questions in a row without an answer.
    unanswered: u32,
    /// The TCP state at that moment; null: not known.
    tcpi_state: Option<&'static str>,
    /// The bits that poll(2) showed at that moment, such as "ERR HUP RDHUP".
    poll: String,
    /// Bytes received, frames of heartbeats included.
    received: u64,
    /// Bytes sent, frames of heartbeats included.
    sent: u64,
    /// How long it stood, milliseconds.
    stood_ms: u64,
}

pub(super) fn listening(address: SocketAddr, method: &Method) -> ListeningJson {
    ListeningJson {
        address: address.to_string(),
        method: method.name(),
        within_ms: milliseconds(method.within),
    }
}

pub(super) fn connected(
    line: &Line,
    method: &Method,
    settings: &Effective,
    forecast: &Forecast,
    at: Duration,
) -> ConnectedJson {
    ConnectedJson {
        at_ms: milliseconds(at),
        peer: line.peer.to_string(),
        local: line.local.to_string(),
        method: method.name(),
        within_ms: milliseconds(method.within),
        settings: OptionsJson::in_force(settings),
        notices_in: forecast.into(),
    }
}

pub(super) fn seen<'a>(
    peer: SocketAddr,
    seen: Seen,
    text: Option<Cow<'a, str>>,
    at: Duration,
) -> SeenJson<'a> {
    let mut json = SeenJson {
        at_ms: milliseconds(at),
        peer: peer.to_string(),
        what: seen.word(),
        bytes: None,
        text,
        question: None,
        unanswered: None,
        silent_ms: None,
    };
    match seen {
        Seen::Received { bytes } => json.bytes = Some(bytes as u64),
        Seen::WindowClosed { waiting } => json.bytes = Some(waiting.into()),
        Seen::Unanswered {
            what,
            count,
            silent,
        } => {
            json.question = Some(what.word());
            json.unanswered = Some(count);
            json.silent_ms = Some(milliseconds(silent));
        }
        Seen::HeardAgain { unanswered, silent } | Seen::Silent { silent, unanswered } => {
            json.unanswered = Some(unanswered);
            json.silent_ms = Some(milliseconds(silent));
        }
        Seen::Agreed { deadline } => json.silent_ms = Some(milliseconds(deadline)),
        Seen::Answered | Seen::WindowOpen { .. } | Seen::Fin | Seen::ShutDown => {}
    }
    json
}

pub(super) fn ended(line: &Line, method: &Method, ending: &Ending, at: Duration) -> EndedJson {
    EndedJson {
        at_ms: milliseconds(at),
        peer: line.peer.to_string(),
        lost: ending.is_loss(),
        by: ending.by.word(),
        question: ending.by.question().map(Question::word),
        method: method.name(),
        sign: ending.sign.to_string(),
        cause: ending.cause.map(deadpeer_core::Cause::word),
        errno: ending.errno.clone(),
        why: ending.why(),
        silent_ms: ending.silent.map(milliseconds),
        unanswered: ending.unanswered,
        tcpi_state: ending.shown.state,
        poll: ending.shown.bits.clone(),
        received: line.received,
        sent: line.sent,
        stood_ms: milliseconds(line.age()),
    }
}
