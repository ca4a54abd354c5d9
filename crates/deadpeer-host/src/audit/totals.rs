//! Counts over everything that was looked at, and what they come to.

use std::collections::BTreeMap;

use super::basis::Basis;
use super::connection::{Compliance, Judgement};
use super::tally::Tally;
use crate::table::Unreadable;

/// How many connections and listeners there are, and how many of them miss the deadline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Connections.
    pub connections: u64,
    /// Listeners.
    pub listeners: u64,
    /// Connections that miss the deadline.
    pub late_connections: u64,
    /// Listeners whose future connections miss it.
    pub late_listeners: u64,
    /// Neither known to be late nor known to be in time.
    pub undecided: u64,
    /// Those of them that deadpeer supervises in their program, which decides.
    pub supervised: u64,
    /// Those of them whose programs end them in time themselves, by their configuration
    /// ([`Machine::leave_to_programs`](super::Machine::leave_to_programs)).
    pub own_timeouts: u64,
    /// Connections and listeners that the middlebox of the audit forgets.
    pub forgotten: u64,
    /// Connections and listeners of which a live peer survives fewer lost probes than asked for.
    pub fragile: u64,
    /// Sockets whose settings could not be read, by reason and user.
    pub unread: BTreeMap<(Unreadable, u32), u64>,
}

impl Totals {
    /// Notes why a socket's settings are unknown.
    pub(super) fn add(&mut self, judged: &Judgement, uid: u32) {
        if let Basis::Unread(Some(why)) = judged.basis {
            *self.unread.entry((why, uid)).or_default() += 1;
        }
    }

    /// Counts a service.
    pub(super) fn add_service(&mut self, tally: &Tally) {
        self.connections += tally.connections.count;
        self.listeners += tally.listeners.count;
        self.late_connections += tally.connections.late;
        self.late_listeners += tally.late_listeners();
        self.undecided += tally.undecided();
        self.supervised += tally.connections.supervised + tally.listeners.supervised;
        self.forgotten += tally.shown(|share| share.forgotten);
        self.fragile += tally.shown(|share| share.fragile);
    }

    /// Takes what of a service is late for undecided: its program may end it in time.
    pub(super) fn leave_to_program(&mut self, tally: &Tally) {
        let (connections, listeners) = (tally.connections.late, tally.late_listeners());
        self.late_connections -= connections;
        self.late_listeners -= listeners;
        self.undecided += connections + listeners;
        self.own_timeouts += connections + listeners;
    }

    /// Whether nothing was looked at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections + self.listeners == 0
    }

    /// Connections and listeners that miss the deadline.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late_connections + self.late_listeners
    }

    /// Whether all of them keep what each was judged by.
    ///
    /// `filtered`: only some were meant, so that none at all is no answer. `whole`: nothing that
    /// was meant was left out.
    pub(super) fn compliance(&self, asked: Asked, filtered: bool, whole: bool) -> Compliance {
        let fragile = asked.survive_lost && self.fragile > 0;
        match () {
            () if asked == Asked::default() => Compliance::NotJudged,
            () if self.late() > 0 || self.forgotten > 0 || fragile => Compliance::Late,
            () if self.undecided > 0 || !whole || self.is_empty() && filtered => {
                Compliance::Undecided
            }
            () => Compliance::InTime,
        }
    }
}

/// What connections are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Asked {
    pub(super) deadline: bool,
    pub(super) survive_lost: bool,
    pub(super) middlebox: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Asked = Asked {
        deadline: true,
        survive_lost: false,
        middlebox: false,
    };

    #[test]
    fn the_deadline_is_judged_by_what_is_known() {
        let nothing = Totals::default();
        let fine = Totals {
            connections: 3,
            ..Totals::default()
        };
        let open = Totals {
            undecided: 1,
            ..fine.clone()
        };
        let late = Totals {
            late_connections: 1,
            ..open.clone()
        };
        let late_listener = Totals {
            listeners: 1,
            late_listeners: 1,
            ..Totals::default()
        };
        for (totals, filtered, compliance) in [
            (&nothing, false, Compliance::InTime),
            (&nothing, true, Compliance::Undecided),
            (&fine, true, Compliance::InTime),
            (&open, false, Compliance::Undecided),
            (&late, false, Compliance::Late),
            (&late_listener, false, Compliance::Late),
        ] {
            assert_eq!(
                totals.compliance(DEADLINE, filtered, true),
                compliance,
                "{totals:?}"
            );
        }
        let whole = |totals: &Totals, asked| totals.compliance(asked, true, true);
        assert_eq!(
            fine.compliance(DEADLINE, true, false),
            Compliance::Undecided
        );
        assert_eq!(late.compliance(DEADLINE, true, false), Compliance::Late);
        assert_eq!(whole(&fine, Asked::default()), Compliance::NotJudged);
        let fragile = Totals {
            fragile: 1,
            ..fine.clone()
        };
        let survive_lost = Asked {
            survive_lost: true,
            ..Asked::default()
        };
        assert_eq!(whole(&fragile, DEADLINE), Compliance::InTime);
        assert_eq!(whole(&fragile, survive_lost), Compliance::Late);
        let forgotten = Totals {
            forgotten: 1,
            ..fine
        };
        assert_eq!(whole(&forgotten, DEADLINE), Compliance::Late);
    }
}
