//! `kill` as JSON lines.

use super::table::DecisionWords;
use crate::exit::Stop;
use crate::json::{line, milliseconds};
use crate::ping::json::{EndsJson, word};
use deadpeer_host::Target;
use deadpeer_host::kill::{Decision, Destroyed};
use serde::Serialize;
use std::io::Write;

/// A connection, and what is to become of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "kill")]
pub(crate) struct KillJson {
    #[serde(flatten)]
    connection: EndsJson,
    /// Since anything was last heard of the peer, milliseconds.
    silent_ms: Option<u64>,
    /// "destroy", "forced", "alive", "unknown" or "over".
    verdict: &'static str,
    /// What asking the peer came to, in the words of schemas/ping.json; null: it was not answered.
    answer: Option<&'static str>,
    /// The same in words.
    text: String,
}

/// The last line.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "kill_summary")]
pub(crate) struct KillSummaryJson {
    /// Connections that were destroyed and are gone.
    destroyed: u64,
    /// Connections that ended by themselves before.
    gone: u64,
    /// Connections that are still there.
    still_there: u64,
    /// Connections that the kernel refused to destroy.
    refused: u64,
}

/// Writes a connection.
pub(super) fn decision(
    target: &Target,
    decision: &Decision,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let (verdict, reply) = match decision {
        Decision::Destroy { .. } => ("destroy", None),
        Decision::Forced(reply) => ("forced", Some(reply)),
        Decision::Alive(reply) => ("alive", Some(reply)),
        Decision::Unknown(reply) => ("unknown", Some(reply)),
        Decision::Over | _ => ("over", None),
    };
    let json = KillJson {
        connection: EndsJson::of(target),
        silent_ms: target.heard_ago.map(milliseconds),
        verdict,
        answer: reply.map(word),
        text: DecisionWords(decision).to_string(),
    };
    line(out, &json)
}

/// Writes what came of it.
pub(super) fn summary(done: &Destroyed, out: &mut impl Write) -> Result<(), Stop> {
    let json = KillSummaryJson {
        destroyed: done.destroyed,
        gone: done.gone,
        still_there: done.still_there,
        refused: done.refused.map_or(0, |(count, _)| count),
    };
    line(out, &json)
}
