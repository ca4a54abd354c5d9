//! Counts of deaths by cause and service.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use deadpeer_core::close_reason::CloseCause;

use super::death::Death;
use crate::table::Role;

/// Who lost connections: a process name, bytes as it chose them, and what they were to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName {
    /// `None`: no owner was visible.
    pub process: Option<Box<[u8]>>,
    /// Accepted or connected, and which port.
    pub role: Role,
}

impl ServiceName {
    /// A service by its two parts.
    #[must_use]
    pub fn new(process: Option<Box<[u8]>>, role: Role) -> Self {
        Self { process, role }
    }

    /// The service that lost a connection.
    #[must_use]
    pub fn of(death: &Death) -> Self {
        let owner = death.owner.as_ref();
        Self::new(owner.map(|owner| owner.process.name().into()), death.role)
    }
}

/// As `redis-server :6379`, or `curl -> :443` for connections that it made. Names are bytes as
/// their processes chose them: sanitize before a terminal.
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(name) => f.write_str(&String::from_utf8_lossy(name))?,
            None => f.write_str("?")?,
        }
        match self.role {
            Role::Listening(address) => write!(f, " {address}"),
            Role::Accepted(port) => write!(f, " :{port}"),
            Role::Outgoing(port) => write!(f, " -> :{port}"),
        }
    }
}

/// How many connections died of what, for each service.
#[derive(Debug, Clone, Default)]
pub struct DeathCounts {
    by_service: BTreeMap<ServiceName, BTreeMap<CloseCause, u64>>,
    total: u64,
}

impl DeathCounts {
    /// Counts one.
    pub fn add(&mut self, death: &Death) {
        self.total += 1;
        let causes = self.by_service.entry(ServiceName::of(death)).or_default();
        *causes.entry(death.reason.cause).or_default() += 1;
    }

    /// All that were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// All services together, the most frequent cause first.
    #[must_use]
    pub fn by_cause(&self) -> Vec<(CloseCause, u64)> {
        let mut all: BTreeMap<CloseCause, u64> = BTreeMap::new();
        for (cause, count) in self.by_service.values().flatten() {
            *all.entry(*cause).or_default() += count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, count)| Reverse(*count));
        all
    }

    /// Each cause of each service, the most frequent first.
    #[must_use]
    pub fn rows(&self) -> Vec<(&ServiceName, CloseCause, u64)> {
        let services = self.by_service.iter();
        let mut rows: Vec<_> = services
            .flat_map(|(service, causes)| {
                let causes = causes.iter();
                causes.map(move |(cause, count)| (service, *cause, *count))
            })
            .collect();
        rows.sort_by_key(|(.., count)| Reverse(*count));
        rows
    }
}
