//! Why nobody is killed now.

use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::{Key, ServiceId};
use crate::readings::HoldReason;

/// Whom a hold concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// All connections.
    All,
    /// Those of a service.
    Service(ServiceId),
    /// Those in the network namespace with this number.
    Namespace(u64),
}

impl Whom {
    /// A service; `None`: all.
    pub(super) fn of(service: Option<ServiceId>) -> Self {
        service.map_or(Self::All, Self::Service)
    }

    pub(super) fn has(self, key: Key, service: ServiceId) -> bool {
        match self {
            Self::All => true,
            Self::Service(held) => held == service,
            Self::Namespace(held) => held == key.namespace,
        }
    }
}

/// A reason, and whom it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hold {
    /// The reason.
    pub reason: HoldReason,
    /// Whom.
    pub whom: Whom,
}

impl Hold {
    pub(super) fn new(reason: HoldReason, whom: Whom) -> Self {
        Self { reason, whom }
    }
}

/// Those that are in force.
#[derive(Debug, Default)]
pub(super) struct Holds(BTreeMap<Hold, Held>);

#[derive(Debug, Clone, Copy)]
struct Held {
    since: Duration,
    /// `None`: until it is ended.
    until: Option<Duration>,
}

impl Holds {
    /// Begins one, or lets it last longer.
    pub(super) fn begin(&mut self, hold: Hold, now: Duration, until: Option<Duration>) {
        let held = self.0.entry(hold).or_insert(Held { since: now, until });
        held.until = until;
    }

    pub(super) fn end(&mut self, hold: Hold) {
        self.0.remove(&hold);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends those whose time has come.
    pub(super) fn end_due(&mut self, now: Duration) -> Vec<Hold> {
        let due = |held: &Held| held.until.is_some_and(|until| until <= now);
        let ended: Vec<Hold> = (self.0.iter())
            .filter(|(_, held)| due(held))
            .map(|(hold, _)| *hold)
            .collect();
        ended.iter().for_each(|hold| self.end(*hold));
        ended
    }

    /// Of network namespaces, leaves those that are there.
    pub(super) fn leave(&mut self, is_there: impl Fn(u64) -> bool) {
        self.0.retain(|hold, _| match hold.whom {
            Whom::Namespace(number) => is_there(number),
            Whom::All | Whom::Service(_) => true,
        });
    }

    pub(super) fn of(&self, reason: HoldReason) -> Vec<Hold> {
        let all = self.0.keys().copied();
        all.filter(|hold| hold.reason == reason).collect()
    }

    /// Whether one of them lets a connection of a service live. The brake does not where somebody
    /// said that its peer is really gone.
    pub(super) fn concern(&self, key: Key, service: ServiceId, acknowledged: bool) -> bool {
        self.0.keys().any(|hold| {
            let concerned = hold.whom.has(key, service);
            concerned && !(acknowledged && hold.reason == HoldReason::ManySilent)
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Hold, Duration)> {
        self.0.iter().map(|(hold, held)| (*hold, held.since))
    }
}
