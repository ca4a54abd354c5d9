//! What lets everybody live for a while, and what follows when it is over.

use std::time::Duration;

use super::brake::Silent;
use super::holds::Hold;
use super::{Census, Heart, ServiceId};
use crate::readings::HoldReason;

impl Heart {
    /// A link, a route or an address of ours went: nobody is killed until every peer has been asked
    /// again for a whole deadline.
    pub fn network_lost(&mut self, now: Duration) {
        self.hold_for_a_deadline(now, HoldReason::Network);
    }

    /// The machine slept: peers may not have heard of it, and its links come back one by one.
    pub fn slept(&mut self, now: Duration) {
        self.hold_for_a_deadline(now, HoldReason::Slept);
    }

    /// Somebody says that nobody is to be killed.
    pub fn hold(&mut self, now: Duration) {
        self.holds
            .begin(Hold::new(HoldReason::Asked, None), now, None);
    }

    /// Somebody says to go on: those that the brake protects are really gone.
    pub fn resume(&mut self, now: Duration) {
        for suspect in self.suspects.values_mut() {
            suspect.acknowledged = true;
        }
        self.holds.clear();
        self.forgive(now, None);
    }

    /// Why nobody is killed now, and since when.
    pub fn holding(&self) -> impl Iterator<Item = (Hold, Duration)> {
        self.holds.all()
    }

    fn hold_for_a_deadline(&mut self, now: Duration, reason: HoldReason) {
        let longest = self.policies.iter().map(|terms| terms.deadline).max();
        let until = now + longest.unwrap_or_default();
        self.holds.begin(Hold::new(reason, None), now, Some(until));
    }

    pub(super) fn apply_brake(&mut self, now: Duration, census: &Census) {
        for ended in self.holds.end_due(now) {
            self.forgive(now, ended.service);
        }
        let before = self.holds.of(HoldReason::ManySilent);
        let silent = Silent::count(now, &self.suspects, census, |service| {
            before.contains(&Hold::new(HoldReason::ManySilent, service))
        });
        let holding = silent.holding(&self.brake, census);
        for ended in before.iter().filter(|hold| !holding.contains(hold)) {
            self.holds.end(*ended);
            self.forgive(now, ended.service);
        }
        for hold in holding {
            self.holds.begin(hold, now, None);
        }
    }

    /// After a hold: silence counts anew from now on.
    fn forgive(&mut self, now: Duration, service: Option<ServiceId>) {
        let concerned = self
            .suspects
            .values_mut()
            .filter(|suspect| service.is_none_or(|service| suspect.service == service));
        concerned.for_each(|suspect| suspect.forgive(now));
    }
}
