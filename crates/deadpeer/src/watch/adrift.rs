//! Sockets whose descriptor was closed: gone, or living on under another one.
//!
//! The kernel keeps a socket in the watch's epoll for as long as any duplicate of its descriptor is
//! open (epoll(7), question 6). So what became of it can be asked: one that is listed no more is
//! closed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use deadpeer_sys::Remembered;

use super::table::{Entry, Place};
use super::{Event, News, Watch};

/// The kernel is asked at least whenever there are so many, and half as many as are watched.
const ENOUGH: usize = 64;
/// And in a supervised watch so many times in a deadline at most, for it lists everything that is
/// watched.
const ASKED: u32 = 4;

/// Those of which nobody knows yet.
#[derive(Debug, Default)]
pub(super) struct Adrift {
    /// By their keys in epoll.
    entries: BTreeMap<u64, Entry>,
    asked: Option<Duration>,
}

impl Adrift {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        self.entries.contains_key(&place.to_key())
    }

    pub(super) fn add(&mut self, place: Place, entry: Entry) {
        self.entries.insert(place.to_key(), entry);
    }

    /// Takes the socket out, which was found under another number.
    pub(super) fn take(&mut self, socket: Remembered) -> Option<Entry> {
        let same = |entry: &Entry| entry.cookie == socket.cookie();
        let key = self.entries.iter().find(|(_, entry)| same(entry))?;
        let key = *key.0;
        self.entries.remove(&key)
    }

    /// When the kernel should be asked.
    pub(super) fn ask_at(&self, deadline: Duration) -> Option<Duration> {
        let again = self
            .asked
            .map_or(Duration::ZERO, |asked| asked + deadline / ASKED);
        (!self.entries.is_empty()).then_some(again)
    }
}

impl Watch {
    /// The descriptor that stands there is closed.
    pub(super) fn lose(&mut self, place: Place) {
        if let Some(entry) = self.table.take(place) {
            self.adrift.add(place, entry);
        }
    }

    /// Asks what became of the lost ones if it is time to.
    pub(super) fn search_for_the_lost(&mut self, now: Duration, events: &mut Vec<Event>) {
        let many = self.adrift.len() > ENOUGH + self.table.len() / 2;
        let ask_at = self.ask_at();
        if many || ask_at.is_some_and(|at| at <= now) {
            self.find_the_lost(now, events);
        }
    }

    pub(super) fn ask_at(&self) -> Option<Duration> {
        let supervised = self.supervised.as_ref()?;
        self.adrift.ask_at(supervised.supervision.deadline())
    }

    /// Goes on watching under another descriptor what has one in this process, and tells of the
    /// others.
    pub(super) fn find_the_lost(&mut self, now: Duration, events: &mut Vec<Event>) {
        self.forget_the_closed();
        self.adrift.asked = Some(now);
        for (_, entry) in std::mem::take(&mut self.adrift.entries) {
            let (key, cookie) = (entry.key, entry.cookie);
            if !self.goes_on(entry) {
                self.forget_loan(cookie);
                let news = News::Lost;
                events.push(Event { key, news });
            }
        }
    }

    /// Forgets those that are open nowhere, and says how many. Without /proc nobody knows: that is
    /// all.
    pub(super) fn forget_the_closed(&mut self) -> usize {
        let open: HashSet<u64> = self.epoll.keys().unwrap_or_default().into_iter().collect();
        let mut closed = Vec::new();
        self.adrift.entries.retain(|key, entry| {
            let is_open = open.contains(key);
            if !is_open {
                closed.push(entry.cookie);
            }
            is_open
        });
        for cookie in &closed {
            self.forget_loan(*cookie);
        }
        closed.len()
    }

    /// Goes on watching under the number of another descriptor.
    fn goes_on(&mut self, entry: Entry) -> bool {
        let Some(socket) = Remembered::find(entry.cookie) else {
            return false;
        };
        // It has been added under that one, too.
        if self.table.find(socket.number()).is_some() {
            return false;
        }
        let place = self.table.insert(socket.number(), entry);
        let goes_on = self.epoll.watch_end_of(socket, place.to_key()) == Ok(true);
        match goes_on {
            true => self.plan_check(place),
            false => drop(self.table.take(place)),
        }
        goes_on
    }

    fn forget_loan(&mut self, cookie: u64) {
        if let Some(supervised) = &mut self.supervised {
            supervised.lender.forget(cookie);
        }
    }
}
