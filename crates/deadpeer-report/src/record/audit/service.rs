//! Services, one line each.

use serde::{Deserialize, Serialize};

use super::super::{Options, Place, ServiceRemedy, Word};
use super::{Bound, GivenUp};
use crate::raw::RawText;

/// All connections of one program on one listening address, or to one port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "service")]
pub struct Service {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// The program's name; null: its owner could not be seen.
    pub process: Option<RawText>,
    /// "listening" (a listener and what it accepted), "accepted" (its listener is gone) or
    /// "outgoing".
    pub role: Word,
    /// The listening address.
    pub address: Option<String>,
    /// The listening port, or the port of the peers.
    pub port: Option<u16>,
    /// Connections.
    pub connections: u64,
    /// Listeners.
    pub listeners: u64,
    /// The settings in force, most frequent first.
    pub settings: Vec<SettingsCount>,
    /// The worst of all connections; of the listener, where no connection is open.
    pub worst: Worsts,
    /// Connections that miss the deadline.
    pub connections_over_deadline: u64,
    /// Listeners that miss it, unless the program gives connections better settings of their own.
    pub listeners_over_deadline: u64,
    /// Sockets of which that is unknown.
    pub undecided: u64,
    /// Connections that the program has closed and the kernel still keeps.
    pub closed: u64,
    /// When the last of these is given up; null: there is none.
    pub last_closed_given_up: Option<GivenUp>,
    /// What is odd.
    pub findings: Vec<FindingCount>,
    /// What to write for its program where it misses the deadline; null: it does not, or there is
    /// no recipe.
    pub remedy: Option<ServiceRemedy>,
}

/// Settings, and how many have them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SettingsCount {
    /// How many.
    pub count: u64,
    /// The options in force; null: unknown.
    pub settings: Option<Options>,
    /// Where they come from, as in a connection.
    pub settings_from: Word,
    /// Why they are unknown, as in a connection.
    pub settings_unknown: Option<Word>,
}

/// A finding, and how many have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FindingCount {
    /// How many.
    pub count: u64,
    /// A word for it.
    pub code: Word,
    /// A sentence about one of them.
    pub text: String,
}

/// The worst of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Worsts {
    /// Silence while idle.
    pub idle: Worst,
    /// Silence with data in flight.
    pub in_flight: Worst,
    /// Silence before a late write.
    pub late_write: Worst,
}

/// The worst that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Worst {
    /// When a vanished peer is noticed, as far as that is known.
    #[serde(flatten)]
    pub known: Bound,
    /// Whether of some connections it is not known.
    pub some_unknown: bool,
}
