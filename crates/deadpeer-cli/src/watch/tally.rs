//! Counts of deaths by cause and service.

use super::json::DeathsJson;
use deadpeer_core::close_reason::CloseCause;
use deadpeer_host::Role;
use deadpeer_host::deaths::Death;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

/// Who lost connections: a process name, bytes as it chose them, and what they were to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServiceName {
    pub(super) process: Option<Box<[u8]>>,
    pub(super) role: Role,
}

/// What has been counted.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) since: Instant,
    pub(super) counts: BTreeMap<ServiceName, BTreeMap<CloseCause, u64>>,
    shown: u64,
    /// Own orderly ends that were not asked for.
    pub(super) skipped: u64,
    /// `None`: the kernel does not tell.
    pub(super) lost: Option<u64>,
    /// Not looked at because their owner is unknown, and the filter asks for one.
    pub(super) nobodys: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            counts: BTreeMap::new(),
            shown: 0,
            skipped: 0,
            lost: None,
            nobodys: 0,
        }
    }

    pub(super) fn add(&mut self, death: &Death) {
        self.shown += 1;
        let name = death
            .owner
            .as_ref()
            .map(|owner| owner.process.name().into());
        let service = ServiceName {
            process: name,
            role: death.role,
        };
        let causes = self.counts.entry(service).or_default();
        *causes.entry(death.reason.cause).or_default() += 1;
    }

    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Deaths counted so far.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    /// All services together, the most frequent cause first.
    pub(super) fn by_cause(&self) -> Vec<(CloseCause, u64)> {
        let mut all: BTreeMap<CloseCause, u64> = BTreeMap::new();
        for (cause, count) in self.counts.values().flatten() {
            *all.entry(*cause).or_default() += count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all
    }

    /// Each cause of each service, the most frequent first.
    pub(super) fn rows(&self) -> Vec<(&ServiceName, CloseCause, u64)> {
        let mut rows: Vec<_> = self
            .counts
            .iter()
            .flat_map(|(service, causes)| {
                causes
                    .iter()
                    .map(move |(cause, count)| (service, *cause, *count))
            })
            .collect();
        rows.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        rows
    }

    pub(super) fn json(&self) -> DeathsJson {
        DeathsJson::of(self)
    }
}

/// As `nginx :80` for what it accepted, `python3 -> :5432` for what it connected to.
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(name) => f.write_str(&crate::text::sanitize::sanitize_bytes(name))?,
            None => f.write_str("?")?,
        }
        match self.role {
            Role::Listening(address) => write!(f, " :{}", address.port()),
            Role::Accepted(port) => write!(f, " :{port}"),
            Role::Outgoing(port) => write!(f, " -> :{port}"),
            _ => Ok(()),
        }
    }
}
