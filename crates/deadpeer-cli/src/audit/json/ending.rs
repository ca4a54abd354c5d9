//! The last lines: what could not be seen, and the totals.

use crate::audit::Audit;
use crate::audit::gaps::Gap;
use crate::json::milliseconds;
use deadpeer_host::ReadBy;
use deadpeer_host::audit::Totals;
use serde::Serialize;

/// Something that could not be seen.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "warning")]
pub(crate) struct WarningJson {
    /// A word for it: "settings-unread", "not-asked", "other-namespaces", "no-ebpf", "owners-hidden", "dump-interrupted" or "unknown-answers"; from `ping` and
    /// `kill` also "not-on-record"; from `protect` also "in-portions" and "too-many-in-one-tick".
    code: &'static str,
    /// How many sockets it concerns.
    count: Option<u64>,
    /// A sentence.
    text: String,
}

/// The last line.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "summary")]
pub(crate) struct SummaryJson {
    /// The deadline; null: none.
    within_ms: Option<u64>,
    connections: u64,
    listeners: u64,
    /// Connections that miss the deadline.
    connections_over_deadline: u64,
    /// Listeners whose future connections miss it.
    listeners_over_deadline: u64,
    /// Sockets of which that is unknown.
    undecided: u64,
    /// How settings and owners were read: "descriptors", "ebpf", or "both" (by eBPF what descriptors did not show); null: nobody
    /// asked for them.
    read_by: Option<&'static str>,
}

impl WarningJson {
    pub(crate) fn of(gap: &Gap) -> Self {
        Self {
            code: gap.code,
            count: gap.count,
            text: gap.text.clone(),
        }
    }
}

impl SummaryJson {
    pub(in crate::audit) fn of(
        audit: &Audit<'_>,
        totals: &Totals,
        read_by: Option<ReadBy>,
    ) -> Self {
        Self {
            within_ms: audit.args.within.map(milliseconds),
            connections: totals.connections,
            listeners: totals.listeners,
            connections_over_deadline: totals.late_connections,
            listeners_over_deadline: totals.late_listeners,
            undecided: totals.undecided,
            read_by: read_by.map(|by| match by {
                ReadBy::Descriptors => "descriptors",
                ReadBy::Kernel => "ebpf",
                ReadBy::Both | _ => "both",
            }),
        }
    }
}
