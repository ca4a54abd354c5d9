//! What lets everybody live for a while, and what follows when it is over.

use std::time::Duration;

use super::brake::Silent;
use super::holds::{Hold, Whom};
use super::{Census, Heart};
use crate::event::Mode;
use crate::readings::HoldReason;

impl Heart {
    /// A link, a route or an address of ours went: nobody is killed until every peer has been asked
    /// again for a whole deadline.
    pub fn network_lost(&mut self, now: Duration, whom: Whom) {
        self.hold_for_a_deadline(now, Hold::new(HoldReason::Network, whom));
    }

    /// These network namespaces are there; what held for others is over.
    pub fn leave_namespaces(&mut self, is_there: impl Fn(u64) -> bool) {
        self.holds.leave(is_there);
    }

    /// The machine slept: peers may not have heard of it, and its links come back one by one.
    pub fn slept(&mut self, now: Duration) {
        self.hold_for_a_deadline(now, Hold::new(HoldReason::Slept, Whom::All));
    }

    /// Somebody says that nobody is to be killed.
    pub fn hold(&mut self, now: Duration) {
        self.holds
            .begin(Hold::new(HoldReason::Asked, Whom::All), now, None);
    }

    /// Somebody says to go on: those that the brake protects are really gone.
    pub fn resume(&mut self, now: Duration) {
        for suspect in self.suspects.values_mut() {
            suspect.acknowledged = true;
        }
        self.holds.clear();
        self.forgive(now, Whom::All);
    }

    /// Why nobody is killed now, and since when.
    pub fn holding(&self) -> impl Iterator<Item = (Hold, Duration)> {
        self.holds.all()
    }

    /// For the longest by which any policy kills.
    fn hold_for_a_deadline(&mut self, now: Duration, hold: Hold) {
        let killing = self.policies.iter().filter(|it| it.kill != Mode::Off);
        let longest = killing.map(|terms| terms.deadline).max();
        let until = now + longest.unwrap_or_default();
        self.holds.begin(hold, now, Some(until));
    }

    pub(super) fn apply_brake(&mut self, now: Duration, census: &Census) {
        for ended in self.holds.end_due(now) {
            self.forgive(now, ended.whom);
        }
        let before = self.holds.of(HoldReason::ManySilent);
        let silent = Silent::count(now, &self.suspects, census, |service| {
            before.contains(&Hold::new(HoldReason::ManySilent, Whom::of(service)))
        });
        let holding = silent.holding(&self.brake, census);
        for ended in before.iter().filter(|hold| !holding.contains(hold)) {
            self.holds.end(*ended);
            self.forgive(now, ended.whom);
        }
        for hold in holding {
            self.holds.begin(hold, now, None);
        }
    }

    /// After a hold: silence counts anew from now on.
    fn forgive(&mut self, now: Duration, whom: Whom) {
        for (key, suspect) in &mut self.suspects {
            if whom.has(*key, suspect.service) {
                suspect.forgive(now);
            }
        }
    }
}
