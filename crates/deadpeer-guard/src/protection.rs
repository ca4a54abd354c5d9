//! How the connections of each service are protected, and when a vanished peer would be noticed.

use std::time::Duration;

use deadpeer_core::{Effective, Silence, Snapshot};
use deadpeer_host::audit::{Audit, Bound, Compliance, Foretold, Judgement};
use deadpeer_host::{Connection, Table};
use rustc_hash::FxHashMap;

use crate::heart::ServiceId;
use crate::readings::{Noticed, Protection, ServiceReading};
use crate::services::ServiceNames;

/// What the connections of one network namespace come to.
#[derive(Debug)]
pub(crate) struct Protections {
    audit: Audit,
    foretold: Foretold,
    sums: FxHashMap<ServiceId, Sum>,
}

#[derive(Debug, Default)]
struct Sum {
    /// In the order of [`Protection`].
    connections: [u64; 4],
    /// In the order of [`Silence::JUDGED`].
    notice: [Option<Noticed>; 3],
}

impl Protections {
    pub(crate) fn of(table: &Table) -> Self {
        Self {
            audit: Audit::new(table.kernel()),
            foretold: Foretold::default(),
            sums: FxHashMap::default(),
        }
    }

    /// Counts a connection that we ask, and judge.
    pub(crate) fn supervised(&mut self, service: ServiceId) {
        let sum = self.sums.entry(service).or_default();
        sum.count(Protection::Supervised);
    }

    /// Counts another, at the moment of the snapshot. `listener` is what its listener has set.
    pub(crate) fn add(
        &mut self,
        service: ServiceId,
        connection: &Connection<'_>,
        snapshot: &Snapshot,
        listener: Option<&Effective>,
        deadline: Duration,
    ) {
        let audit = self.audit.within(Some(deadline));
        let judged = audit.judge(&mut self.foretold, connection, snapshot, listener);
        let sum = self.sums.entry(service).or_default();
        sum.count(protection(&judged));
        for (worst, bound) in sum.notice.iter_mut().zip(judged.bounds()) {
            *worst = (*worst).max(noticed(bound));
        }
    }

    /// Adds what they come to.
    pub(crate) fn end(self, names: &ServiceNames, readings: &mut Vec<ServiceReading>) {
        let services = self.sums.into_iter().filter_map(|(service, sum)| {
            let all = [
                Protection::Kept,
                Protection::Supervised,
                Protection::Missed,
                Protection::Unknown,
            ];
            let counts = all.into_iter().zip(sum.connections);
            let notice = Silence::JUDGED.into_iter().zip(sum.notice);
            Some(ServiceReading {
                service: names.name(service)?.clone(),
                connections: counts.filter(|(_, count)| *count > 0).collect(),
                notice: notice
                    .filter_map(|(silence, worst)| Some((silence, worst?)))
                    .collect(),
            })
        });
        readings.extend(services);
    }
}

impl Sum {
    fn count(&mut self, protection: Protection) {
        self.connections[protection as usize] += 1;
    }
}

fn protection(judged: &Judgement) -> Protection {
    match (judged.compliance, judged.idle) {
        (_, Bound::ByProgram) => Protection::Supervised,
        (Compliance::InTime, _) => Protection::Kept,
        (Compliance::Late, _) => Protection::Missed,
        (Compliance::Undecided | Compliance::NotJudged, _) => Protection::Unknown,
    }
}

fn noticed(bound: Bound) -> Option<Noticed> {
    match bound {
        Bound::Never => Some(Noticed::Never),
        Bound::By(at) => Some(Noticed::By(at)),
        Bound::NotBefore(_) | Bound::Unknown | Bound::ByProgram | Bound::RuledOut => None,
    }
}
