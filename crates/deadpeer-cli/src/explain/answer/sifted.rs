//! What becomes of each connection of a capture: whether it is asked for, counted and shown.

use std::cmp::Reverse;
use std::collections::HashSet;

use deadpeer_capture::Span;
use deadpeer_capture::dissect::Endpoint;
use deadpeer_capture::story::{Group, Grouping, StoryVerdict};
use deadpeer_capture::talk::Place;

use crate::explain::request::Request;

/// The connections that are asked for.
#[derive(Default)]
pub(super) struct Sifted {
    matched: usize,
    pub(super) deaths: usize,
    pub(super) untold: usize,
    pub(super) retold: usize,
    pub(super) chosen: Vec<Chosen>,
    lone_untold: Vec<u64>,
    grouping: Grouping,
}

/// A story that is to be shown, in the order in which they are.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chosen {
    pub(super) severity: Reverse<u8>,
    pub(super) took: Reverse<Span>,
    pub(super) number: u64,
    pub(super) place: Place,
}

impl Sifted {
    /// Counts one.
    pub(super) fn count(&mut self, number: u64, ends: [Endpoint; 2], verdict: &StoryVerdict) {
        self.matched += 1;
        self.retold += usize::from(verdict.is_told_elsewhere());
        self.deaths += usize::from(verdict.is_death());
        self.untold += usize::from(verdict.untold.is_some());
        self.grouping.take(number, ends, verdict);
        if verdict.lone_syn && verdict.untold.is_some() {
            self.lone_untold.push(number);
        }
    }

    /// Once all are counted: those that are one, and how many have nothing to tell. What belongs to
    /// a scan is told with it.
    pub(super) fn groups(&mut self, request: &Request) -> (Vec<Group>, usize) {
        let groups = std::mem::take(&mut self.grouping).groups();
        let scans = groups.iter().filter(|group| group.what.is_scan());
        let scanned: HashSet<u64> = scans
            .flat_map(|group| group.connections.iter().copied())
            .collect();
        let of_scans = self.lone_untold.iter();
        let of_scans = of_scans.filter(|number| scanned.contains(number));
        self.untold -= of_scans.count();
        if request.shows_fine() {
            return (groups, 0);
        }
        self.chosen.retain(|one| !scanned.contains(&one.number));
        let told = self.chosen.len() + scanned.len() + self.retold;
        (groups, self.matched.saturating_sub(told))
    }
}

impl Request {
    /// Whether a connection is asked for.
    pub(super) fn asks_for(
        &self,
        number: u64,
        ends: [Endpoint; 2],
        verdict: &StoryVerdict,
    ) -> bool {
        if let Some(conn) = self.conn {
            return number == conn;
        }
        let others = verdict.translated.iter();
        let mut others = others.flat_map(|translated| &translated.others);
        self.shown.matches(ends) || others.any(|(_, ends)| self.shown.matches(*ends))
    }

    /// Whether those with nothing to tell are shown, too.
    pub(super) fn shows_fine(&self) -> bool {
        self.all || self.conn.is_some()
    }
}
