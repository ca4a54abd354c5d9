//! Counts over everything that was looked at, and what they come to.

use std::collections::BTreeMap;

use super::basis::Basis;
use super::connection::{Compliance, Judgement};
use super::tally::Tally;
use crate::table::Unreadable;

/// How many connections and listeners there are, and how many of them miss the deadline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
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

    /// Whether all of them keep the deadline that each was judged by.
    ///
    /// `filtered`: only some were meant, so that none at all is no answer. `whole`: nothing that
    /// was meant was left out.
    pub(super) fn compliance(&self, filtered: bool, whole: bool) -> Compliance {
        match () {
            () if self.late() > 0 => Compliance::Late,
            () if self.undecided > 0 || !whole || self.is_empty() && filtered => {
                Compliance::Undecided
            }
            () => Compliance::InTime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(totals.compliance(filtered, true), compliance, "{totals:?}");
        }
        assert_eq!(fine.compliance(true, false), Compliance::Undecided);
        assert_eq!(late.compliance(true, false), Compliance::Late);
    }
}
