//! Services, one line each.

use super::{AnswerJson, source};
use crate::json::OptionsJson;
use deadpeer_host::audit::{Basis, Tally, Worst, Worsts};
use deadpeer_host::{Role, Service};
use serde::Serialize;

/// All connections of one program on one listening address, or to one port.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "service")]
pub(crate) struct ServiceJson {
    /// The program's name; null: its owner could not be seen.
    process: Option<String>,
    /// "listening" (a listener and what it accepted), "accepted" (its listener is gone) or "outgoing".
    role: &'static str,
    /// The listening address.
    address: Option<String>,
    /// The listening port, or the port of the peers.
    port: Option<u16>,
    connections: u64,
    listeners: u64,
    /// The settings in force, most frequent first.
    settings: Vec<SettingsCountJson>,
    /// The worst of all connections; of the listener, where no connection is open.
    worst: WorstsJson,
    /// Connections that miss the deadline.
    connections_over_deadline: u64,
    /// Listeners that miss it, unless the program gives connections better settings of their own.
    listeners_over_deadline: u64,
    /// Sockets of which that is unknown.
    undecided: u64,
    /// What is odd.
    findings: Vec<FindingCountJson>,
}

/// Settings, and how many have them.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SettingsCountJson {
    count: u64,
    settings: Option<OptionsJson>,
    settings_from: &'static str,
    settings_unknown: Option<&'static str>,
}

/// A finding, and how many have it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingCountJson {
    count: u64,
    code: &'static str,
    /// A sentence about one of them.
    text: String,
}

/// The worst of a service.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WorstsJson {
    idle: WorstJson,
    in_flight: WorstJson,
    late_write: WorstJson,
}

/// The worst that is known.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WorstJson {
    #[serde(flatten)]
    known: AnswerJson,
    /// Whether of some connections it is not known.
    some_unknown: bool,
}

impl ServiceJson {
    pub(in crate::audit) fn of(service: &Service<Tally>) -> Self {
        let tally = &service.value;
        let (role, port) = match service.role {
            Role::Listening(address) => ("listening", Some(address.port())),
            Role::Accepted(port) => ("accepted", Some(port)),
            Role::Outgoing(port) => ("outgoing", Some(port)),
            _ => ("other", None),
        };
        Self {
            process: service
                .process
                .as_ref()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            role,
            address: service.role.listening().map(|address| address.to_string()),
            port,
            connections: tally.connections.count,
            listeners: tally.listeners.count,
            settings: tally.settings.iter().map(SettingsCountJson::of).collect(),
            worst: tally.share().worst.into(),
            connections_over_deadline: tally.connections.late,
            listeners_over_deadline: tally.late_listeners(),
            undecided: tally.undecided(),
            findings: tally
                .findings
                .iter()
                .map(|(finding, count)| FindingCountJson {
                    count: *count,
                    code: finding.code(),
                    text: finding.to_string(),
                })
                .collect(),
        }
    }
}

impl SettingsCountJson {
    fn of((basis, count): &(Basis, u64)) -> Self {
        let (settings_from, settings_unknown) = source(basis);
        Self {
            count: *count,
            settings: basis.options().map(OptionsJson::in_force),
            settings_from,
            settings_unknown,
        }
    }
}

impl From<Worsts> for WorstsJson {
    fn from(worst: Worsts) -> Self {
        Self {
            idle: worst.idle.into(),
            in_flight: worst.in_flight.into(),
            late_write: worst.late_write.into(),
        }
    }
}

impl From<Worst> for WorstJson {
    fn from(worst: Worst) -> Self {
        Self {
            known: worst.bound().into(),
            some_unknown: worst.some_unknown,
        }
    }
}
