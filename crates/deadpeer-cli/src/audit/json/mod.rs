//! The audit as JSON lines.

mod ending;
mod service;
mod socket;

use crate::json::{OptionsJson, milliseconds, milliseconds_up};
use deadpeer_core::Effective;
use deadpeer_host::audit::{Basis, Bound};
use serde::Serialize;

pub(crate) use ending::{SummaryJson, WarningJson};
pub(crate) use service::ServiceJson;
pub(crate) use socket::{ConnectionJson, ListenerJson};

/// When a vanished peer is noticed in the worst case.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "notice", rename_all = "snake_case")]
enum AnswerJson {
    /// Never.
    Never,
    /// By then.
    Within {
        /// In milliseconds.
        latest_ms: u64,
    },
    /// Not before; more is not known.
    NotBefore {
        /// In milliseconds.
        earliest_ms: u64,
    },
    /// Nothing is known.
    Unknown,
}

/// Something odd about the settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingJson {
    /// A word for it, such as "one-lost-probe-kills".
    code: &'static str,
    /// A sentence.
    text: String,
    /// Options that its listener has and the connection has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<&'static str>,
}

impl From<Bound> for AnswerJson {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Never => Self::Never,
            Bound::By(at) => Self::Within {
                latest_ms: milliseconds_up(at),
            },
            Bound::NotBefore(at) => Self::NotBefore {
                earliest_ms: milliseconds(at),
            },
            Bound::Unknown | _ => Self::Unknown,
        }
    }
}

impl OptionsJson {
    /// Options in force on a socket.
    pub(crate) fn in_force(options: &Effective) -> Self {
        Self {
            so_keepalive: Some(options.keepalive),
            tcp_keepidle_s: Some(options.keepidle_s),
            tcp_keepintvl_s: Some(options.keepintvl_s),
            tcp_keepcnt: Some(options.keepcnt),
            tcp_user_timeout_ms: Some(options.user_timeout_ms.unwrap_or(0)),
            tcp_rto_max_ms: options.rto_max_ms,
            tcp_syncnt: options.syncnt,
        }
    }
}

/// Where settings come from, and why they are unknown.
fn source(basis: &Basis) -> (&'static str, Option<&'static str>) {
    match basis {
        Basis::Read(_) => ("socket", None),
        Basis::Inherited(_) => ("listener", None),
        Basis::Unread(why) => (
            "unknown",
            Some(why.map_or("not looked for", |why| why.reason())),
        ),
        Basis::Nobody | _ => ("nobody", None),
    }
}
