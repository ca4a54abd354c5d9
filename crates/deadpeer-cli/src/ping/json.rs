//! Pings as JSON lines.

use super::words::ReplyWords;
use crate::exit::Stop;
use crate::json::{line, milliseconds};
use deadpeer::{Answer, NotNow};
use deadpeer_host::audit::Replies;
use deadpeer_host::{Reply, Target};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// One question to one connection, and what came of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "ping")]
pub(crate) struct PingJson {
    /// The number of the question, from 1.
    number: u32,
    #[serde(flatten)]
    connection: EndsJson,
    /// "answered", "unanswered", "heard" (no probe was needed), "not-now", "over" or "unreachable".
    answer: &'static str,
    /// From the probe to its answer, microseconds.
    rtt_us: Option<u64>,
    /// Probes or retransmissions of the kernel itself that nothing had answered, where that is why it was not asked.
    unanswered: Option<u32>,
    /// The same in words.
    text: String,
}

/// The last line about a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "ping_summary")]
pub(crate) struct PingSummaryJson {
    #[serde(flatten)]
    connection: EndsJson,
    /// Probes that went out.
    sent: u32,
    /// Probes that were answered.
    answered: u32,
    /// Times at which the peer had been heard a moment ago, so that no probe was needed.
    heard: u32,
    /// Times at which nothing could be asked.
    unasked: u32,
    /// Probes at the end that nothing answered.
    unanswered_at_the_end: u32,
    /// Shortest round trip, microseconds.
    rtt_min_us: Option<u64>,
    /// Mean round trip, microseconds.
    rtt_avg_us: Option<u64>,
    /// Longest round trip, microseconds.
    rtt_max_us: Option<u64>,
    /// "there", "gone" or "unknown", as the exit code has it.
    peer_is: &'static str,
}

/// A connection, by its ends and who has it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EndsJson {
    /// Our end, address:port.
    local: String,
    /// The other end, address:port.
    peer: String,
    /// The state, such as "established".
    state: &'static str,
    /// SO_COOKIE: a number that no other socket of this boot has.
    cookie: u64,
    /// The first process that holds it; null: none that could be seen.
    process: Option<String>,
    /// Its number.
    pid: Option<u32>,
    /// Its descriptor.
    fd: Option<i32>,
}

impl EndsJson {
    /// This connection.
    pub(crate) fn of(target: &Target) -> Self {
        let holder = target.owners.first();
        Self {
            local: target.id.local.to_string(),
            peer: target.id.peer.to_string(),
            state: target.state.name(),
            cookie: target.id.cookie,
            process: holder.map(|holder| String::from_utf8_lossy(&holder.process).into_owned()),
            pid: holder.map(|holder| holder.pid),
            fd: holder.map(|holder| holder.fd),
        }
    }
}

/// Writes a reply.
pub(super) fn reply(
    number: u32,
    target: &Target,
    reply: &Reply,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let json = PingJson {
        number,
        connection: EndsJson::of(target),
        answer: word(reply),
        rtt_us: rtt(reply).map(microseconds),
        unanswered: unanswered(reply),
        text: ReplyWords(reply).to_string(),
    };
    line(out, &json)
}

/// Writes the last line about a connection.
pub(super) fn summary(
    target: &Target,
    replies: &Replies,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let times = replies.round_trips;
    let json = PingSummaryJson {
        connection: EndsJson::of(target),
        sent: replies.sent,
        answered: replies.answered,
        heard: replies.heard,
        unasked: replies.unasked,
        unanswered_at_the_end: replies.in_vain,
        rtt_min_us: times.map(|times| microseconds(times.shortest)),
        rtt_avg_us: times.map(|times| microseconds(times.total / replies.answered)),
        rtt_max_us: times.map(|times| microseconds(times.longest)),
        peer_is: match replies.peer_is_there() {
            Some(true) => "there",
            Some(false) => "gone",
            None => "unknown",
        },
    };
    line(out, &json)
}

/// A word for it.
pub(crate) fn word(reply: &Reply) -> &'static str {
    match reply {
        Reply::Answer(Answer::Answered { .. }) => "answered",
        Reply::Answer(Answer::Unanswered { .. }) => "unanswered",
        Reply::Answer(Answer::Dead(_)) => "over",
        Reply::Answer(Answer::NotNow(NotNow::Heard { .. })) => "heard",
        Reply::Answer(_) => "not-now",
        Reply::Unreachable(_) | Reply::Failed(_) | _ => "unreachable",
    }
}

fn unanswered(reply: &Reply) -> Option<u32> {
    let Reply::Answer(Answer::NotNow(why)) = reply else {
        return None;
    };
    match why {
        NotNow::InFlight { unanswered }
        | NotNow::Queued { unanswered }
        | NotNow::KernelAsks { unanswered }
        | NotNow::JustAsked { unanswered }
        | NotNow::LastProbe { unanswered } => Some(*unanswered),
        NotNow::Heard { .. } | NotNow::Busy | NotNow::NotConnected | _ => None,
    }
}

fn rtt(reply: &Reply) -> Option<Duration> {
    let Reply::Answer(Answer::Answered { rtt }) = reply else {
        return None;
    };
    Some(*rtt)
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or_else(|_| 1000 * milliseconds(duration))
}
