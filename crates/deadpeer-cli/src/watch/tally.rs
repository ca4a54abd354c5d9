//! What the last line says.

use std::fmt;
use std::time::Instant;

use deadpeer_host::Role;
use deadpeer_host::deaths::{DeathCounts, ServiceName};
use deadpeer_report::duration::milliseconds;
use deadpeer_report::record;

/// What has been counted, and what has not.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) since: Instant,
    pub(super) counts: DeathCounts,
    /// Closes in order that were not asked for.
    pub(super) ordinary: u64,
    /// Deaths of causes that were not asked for.
    pub(super) others: u64,
    /// `None`: the kernel does not tell.
    pub(super) lost: Option<u64>,
    /// Not looked at because their owner is unknown, and the filter asks for one.
    pub(super) nobodys: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            counts: DeathCounts::default(),
            ordinary: 0,
            others: 0,
            lost: None,
            nobodys: 0,
        }
    }

    /// The record of the counts so far.
    pub(super) fn to_record(&self) -> record::Deaths {
        record::Deaths {
            elapsed_ms: milliseconds(self.since.elapsed()),
            deaths: self.counts.total(),
            ordinary_closes: self.ordinary,
            other_causes: self.others,
            without_owner: self.nobodys,
            lost: self.lost,
            counts: self.counts.to_records(),
        }
    }
}

/// As `nginx :80` for what it accepted, `python3 -> :5432` for what it connected to.
pub(super) struct ServiceWords<'a>(pub(super) &'a ServiceName);

impl fmt::Display for ServiceWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(service) = self;
        match &service.process {
            Some(name) => f.write_str(&deadpeer_report::sanitize::sanitize_bytes(name))?,
            None => f.write_str("?")?,
        }
        match service.role {
            Role::Listening(address) => write!(f, " :{}", address.port()),
            Role::Accepted(port) => write!(f, " :{port}"),
            Role::Outgoing(port) => write!(f, " -> :{port}"),
        }
    }
}
