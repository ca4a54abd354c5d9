//! Looking: at all connections, and at those whose peers have a question open.

use deadpeer_host::{Coverage, Target};
use deadpeer_sys::clock;

use super::{Guard, Suspected, SweepError};
use crate::event::Subject;
use crate::heart::Sighting;
use crate::realms::Realms;
use crate::sweep::{Eyes, Seen};

/// One sweep of so many judges what settings promise, which takes as long as to read them.
const JUDGE: u64 = 3;

impl Guard {
    /// Looks again at the connections whose peers have a question open, and at no other: the kernel
    /// finds each by its addresses. Returns whether a sweep is due to decide about one.
    ///
    /// # Errors
    /// One could not be read.
    pub fn check_suspects(&mut self) -> Result<bool, SweepError> {
        for (key, suspected) in &self.suspects {
            // Whatever is gone the next sweep misses.
            let Some(table) = self.realms.table(key.namespace) else {
                continue;
            };
            if let Some(info) = table.tcp_info_of(&suspected.target.id)? {
                self.heart.observe_again(clock::monotonic(), *key, &info);
            }
        }
        self.suspects.retain(|key, _| self.heart.suspects(*key));
        Ok(self.heart.is_to_decide(clock::monotonic()))
    }

    /// Whether somebody is to be [checked](Self::check_suspects) before the next sweep.
    #[must_use]
    pub fn suspects_anybody(&self) -> bool {
        !self.suspects.is_empty()
    }

    pub(super) fn read_all(&mut self) -> Result<Vec<Seen>, SweepError> {
        let settings = self.realms.tables.uses_bpf() || self.is_sixth();
        let sweeps = self.readings.swept.sweeps;
        let judges = settings && sweeps >= self.judges_next;
        let mut protected = Vec::new();
        let mut eyes = Eyes {
            policies: &self.config.policies,
            choice: &self.choice,
            ours: &self.ours,
            can_destroy: self.rights.destroy(),
            heart: &self.heart,
            services: &mut self.services,
            census: &mut self.census,
            settings,
            protected: judges.then_some(&mut protected),
            far: Vec::new(),
        };
        let mut all = Vec::new();
        let Realms {
            tables,
            all: realms,
            ..
        } = &mut self.realms;
        tables.one_by_one(&eyes.query(), |netns, table, shared| {
            let Some(realm) = realms.iter_mut().find(|it| it.number() == netns.number) else {
                return Ok(Coverage::default());
            };
            let (mut seen, coverage) = eyes.read(realm, table, shared)?;
            realm.here = std::mem::take(&mut seen.here);
            all.push(seen);
            Ok(coverage)
        })?;
        if judges {
            self.judges_next = sweeps + JUDGE;
            self.readings.services = protected;
        }
        self.services.end_sweep();
        Ok(all)
    }

    /// Looks closely at those that have a question open, and has asked those that have none.
    pub(super) fn judge(&mut self, seen: Seen) -> Result<(), SweepError> {
        for (sighting, target) in seen.asked {
            let Some(table) = self.realms.table(seen.namespace) else {
                continue;
            };
            let info = table.tcp_info_of(&target.id)?;
            let Some(info) = info else { continue };
            self.heart.observe(clock::monotonic(), &sighting, &info);
            if self.heart.suspects(sighting.key) {
                self.suspect(&sighting, target);
            }
        }
        self.enforce(seen.namespace, &seen.fresh, seen.surveyed);
        Ok(())
    }

    /// In every so many sweeps more is looked at.
    pub(crate) fn is_sixth(&self) -> bool {
        self.readings.swept.sweeps.is_multiple_of(6)
    }

    fn suspect(&mut self, sighting: &Sighting, target: Target) {
        let policy = self.config.policies.get(sighting.policy);
        let service = self.services.name(sighting.service);
        let (Some(policy), Some(service)) = (policy, service) else {
            return;
        };
        let subject = Subject {
            cookie: target.id.cookie,
            local: target.id.local,
            peer: target.id.peer,
            service: service.clone(),
            pid: target.owners.first().map(|owner| owner.pid),
            namespace: sighting.key.namespace,
            policy: policy.name.clone(),
            workload: target.workload.clone(),
        };
        let suspected = Suspected {
            target,
            sighting: *sighting,
            subject,
        };
        self.suspects.insert(sighting.key, suspected);
    }
}
