//! What `audit` publishes.

mod now;
mod service;
mod socket;

pub use now::{Hanging, Leak};
pub use service::{FindingCount, Service, SettingsCount, Worst, Worsts};
pub use socket::{Connection, GivenUp, Listener, Owner, Proven, Socket, Timer, Unread, Waiting};

use serde::{Deserialize, Serialize};

use super::Word;

/// When a vanished peer is noticed in the worst case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Bound {
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
    /// The program decides: deadpeer supervises the connection in it.
    ByProgram,
    /// That silence can't come over it any more, in the state it is in.
    RuledOut,
}

/// Something odd about the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// A word for it, such as "one-lost-probe-kills".
    pub code: Word,
    /// A sentence.
    pub text: String,
    /// Options that its listener has and the connection has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Word>,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "warning")]
pub struct Warning {
    /// A word for it: "settings-unread", "not-asked", "other-namespaces", "namespaces-unread",
    /// "no-ebpf", "owners-hidden", "dump-interrupted" or "unknown-answers"; from `ping` and `kill`
    /// also "not-on-record"; from `protect` also "in-portions" and "too-many-in-one-tick".
    pub code: Word,
    /// How many sockets it concerns.
    pub count: Option<u64>,
    /// A sentence.
    pub text: String,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "summary")]
pub struct Summary {
    /// The deadline; null: none.
    pub within_ms: Option<u64>,
    /// Connections.
    pub connections: u64,
    /// Listeners.
    pub listeners: u64,
    /// Connections that miss the deadline.
    pub connections_over_deadline: u64,
    /// Listeners whose future connections miss it.
    pub listeners_over_deadline: u64,
    /// Sockets of which that is unknown.
    pub undecided: u64,
    /// Those of them that deadpeer supervises in their program, which decides.
    pub supervised: u64,
    /// Those of them whose programs end them in time themselves, by their configuration.
    #[serde(default)]
    pub own_timeouts: u64,
    /// Connections and listeners that the middlebox forgets; 0 without `--middlebox`.
    pub over_middlebox: u64,
    /// Connections and listeners of which a live peer survives fewer lost probes than one, or than
    /// `--survive-lost`.
    pub few_lost_survived: u64,
    /// Network namespaces that were read.
    #[serde(default)]
    pub namespaces: u64,
    /// Selected network namespaces that could not be read.
    #[serde(default)]
    pub namespaces_unread: u64,
    /// How settings and owners were read: "descriptors", "ebpf", or "both" (by eBPF what
    /// descriptors did not show); null: nobody asked for them.
    pub read_by: Option<Word>,
}
