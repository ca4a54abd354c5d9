//! Segments as conversations: what each side sent, asked and was answered.
//!
//! A conversation takes a few hundred bytes, and episodes rather than packets are remembered of it,
//! so a capture may be endless. It may also begin in the middle, hold one direction only, lack
//! packets or have them twice, and its clock may be set back.

mod asking;
mod batch;
mod classify;
mod clock;
mod conversation;
mod episode;
mod exchange;
mod half;
mod hearing;
mod hosts;
mod index;
mod kind;
mod limits;
mod log;
mod measured;
mod resending;
mod reset;
mod seen_twice;
mod sequence;
mod side;
mod silences;
mod table;
mod totals;
mod translated;
mod updates;

pub(crate) use clock::Clock;

pub use batch::{BATCH, Batch};
pub use episode::{Asked, Episode, MOST_MARKS, Mark, Resent, What};
pub use half::Counts;
pub use kind::Kind;
pub use limits::Limits;
pub use reset::Reset;
pub use side::Side;
pub use totals::Totals;

pub(crate) use conversation::Conversation;
pub(crate) use half::Half;
pub(crate) use hearing::Question;
pub(crate) use hosts::{HostId, Hosts};
pub(crate) use resending::Run;

use crate::dissect::{Content, IcmpError, Segment, Skip, dissect};
use crate::{Moment, Packet};
use conversation::Turn;
use table::Table;
use translated::{Link, Openings, PLACES};

/// The conversations of a capture.
#[derive(Debug)]
pub struct Conversations {
    table: Table,
    hosts: Hosts,
    openings: Openings,
    limits: Limits,
    clock: Clock,
    totals: Totals,
}

/// A segment and its place in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sighting {
    /// The number of the conversation, from 1 in the order of first packets.
    pub conversation: u64,
    /// Who sent it.
    pub side: Side,
    /// What it is.
    pub kind: Kind,
    /// When it was captured; never before the one before it.
    pub at: Moment,
    /// The segment.
    pub segment: Segment,
}

/// Where a conversation is remembered, until the next packet is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u32);

impl Place {
    /// The place with this number; a table has fewer than four billion.
    pub(crate) fn of(number: usize) -> Self {
        Self(number as u32)
    }
}

/// What a packet turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// A TCP segment.
    Tcp(Sighting),
    /// An ICMP error, and the number of the conversation it is about.
    Icmp(Option<u64>, Moment, IcmpError),
    /// Nothing about a TCP connection.
    Nothing(Skip),
}

impl Conversations {
    /// No conversations yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            table: Table::new(limits.connections),
            hosts: Hosts::new(limits.connections.max(1024)),
            openings: Openings::default(),
            limits,
            clock: Clock::default(),
            totals: Totals::default(),
        }
    }

    /// The next packet.
    pub fn take(&mut self, packet: &Packet<'_>) -> Taken {
        let content = dissect(packet.link, packet.bytes, packet.length);
        self.content(packet.at, content, None)
    }

    /// What a packet holds; `place` is where its conversation was a moment ago, if somebody looked.
    fn content(
        &mut self,
        at: Option<Moment>,
        content: Result<Content, Skip>,
        place: Option<usize>,
    ) -> Taken {
        self.totals.packets += 1;
        self.totals.untimed += u64::from(at.is_none());
        // No connection goes on after months in which nothing was captured.
        let mistimed = self.clock.leaps(at) && !content.as_ref().is_ok_and(|it| self.begins(it));
        let now = match mistimed {
            true => self.clock.hold(),
            false => self.clock.read(at),
        };
        self.totals.clock_steps = self.clock.steps;
        self.totals.apart = self.clock.apart;
        self.totals.mistimed = self.clock.broken();
        match content {
            Ok(Content::Tcp(segment)) => Taken::Tcp(self.segment_at(segment, now, place)),
            Ok(Content::Icmp(error)) => Taken::Icmp(self.icmp_error(&error, now), now, error),
            Err(skip) => {
                self.totals.skipped.count(skip);
                Taken::Nothing(skip)
            }
        }
    }

    /// Whether another capture may begin with this: with a connection that is not known yet.
    fn begins(&self, content: &Content) -> bool {
        match content {
            Content::Tcp(segment) => {
                let between = (segment.source, segment.destination);
                segment.opens() || self.table.find(between).is_none()
            }
            Content::Icmp(_) => false,
        }
    }

    /// A TCP segment that was captured at `now`.
    pub fn segment(&mut self, segment: Segment, now: Moment) -> Sighting {
        self.segment_at(segment, now, None)
    }

    fn segment_at(&mut self, segment: Segment, now: Moment, place: Option<usize>) -> Sighting {
        self.totals.segments += 1;
        self.totals.bare_acknowledgments += u64::from(segment.is_bare_acknowledgment());
        self.totals.openings += u64::from(segment.opens());
        let mut turn = Turn {
            now,
            frame: self.totals.packets,
            run: self.clock.run(),
            went_back: self.clock.went_back,
            elsewhere: None,
            most: 0,
        };
        let between = (segment.source, segment.destination);
        let place = place
            .filter(|place| self.table.at(*place).is_the_one_between(between))
            .or_else(|| self.table.find(between));
        let place = match place {
            Some(place) => {
                let conversation = self.table.at_mut(place);
                let side = conversation.side_of(segment.source);
                if conversation.comes_again(side, &segment, &turn) {
                    self.totals.seen_twice += 1;
                    return Sighting {
                        conversation: conversation.number,
                        side,
                        kind: Kind::SeenTwice,
                        at: now,
                        segment,
                    };
                }
                // One that began under a broken stamp, in the future, has nothing to do with this.
                if conversation.is_replaced_by(side, &segment, now) || conversation.first > now {
                    conversation.replaced_at = Some(now.max(conversation.last()));
                    self.begin(&segment, &turn)
                } else {
                    place
                }
            }
            None => self.begin(&segment, &turn),
        };
        let conversation = self.table.at_mut(place);
        let side = conversation.side_of(segment.source);
        let number = conversation.number;
        turn.elsewhere = self.hosts.passed(conversation.way(side), number, now);
        turn.most = self.limits.episodes_of(conversation.number);
        let kind = conversation.take(side, &segment, &turn);
        self.totals.seen_twice += u64::from(kind == Kind::SeenTwice);
        Sighting {
            conversation: conversation.number,
            side,
            kind,
            at: now,
            segment,
        }
    }

    fn begin(&mut self, segment: &Segment, turn: &Turn) -> usize {
        self.totals.connections += 1;
        let [from, to] = [segment.source, segment.destination].map(|end| self.hosts.id(end.bits()));
        let number = self.totals.connections;
        let mut conversation = Conversation::begin(number, segment, (from, to), turn);
        conversation.episodes.marked = self.limits.marks_of(number);
        let (place, evicted) = self.table.add(conversation);
        self.totals.evicted += u64::from(evicted);
        if let Some(before) = self.openings.passes(segment, turn.now, (place, number)) {
            self.link(before, (place, number));
        }
        place
    }

    /// Notes that two conversations are one, before and after translation.
    fn link(&mut self, before: Link, new: Link) {
        let Some(known) = self.linked(before) else {
            return;
        };
        if self.translations_of(known).count() + 2 > PLACES {
            return;
        }
        let next = known.translated.as_deref().copied().unwrap_or(before);
        self.table.at_mut(new.0).translated = Some(Box::new(next));
        self.table.at_mut(before.0).translated = Some(Box::new(new));
    }

    fn linked(&self, (place, number): Link) -> Option<&Conversation> {
        let there = self.table.at(place);
        (there.number == number).then_some(there)
    }

    /// What is the same conversation before or after translation, as far as it is remembered.
    pub(crate) fn translations_of(
        &self,
        conversation: &Conversation,
    ) -> impl Iterator<Item = &Conversation> {
        let number = conversation.number;
        let next = move |from: &Conversation| {
            let next = self.linked(*from.translated.as_deref()?)?;
            (next.number != number).then_some(next)
        };
        std::iter::successors(next(conversation), move |from| next(from)).take(PLACES)
    }

    fn icmp_error(&mut self, error: &IcmpError, now: Moment) -> Option<u64> {
        self.totals.icmp_errors += 1;
        let between = (error.source, error.destination);
        let Some(place) = self.table.find(between) else {
            self.totals.strange_complaints += 1;
            return None;
        };
        let conversation = self.table.at_mut(place);
        let side = conversation.side_of(error.source);
        let most = self.limits.episodes_of(conversation.number);
        conversation.run = self.clock.run();
        conversation.icmp_error(side, error, now, most);
        Some(conversation.number)
    }

    /// The moments of the first and the last packet.
    #[must_use]
    pub fn span(&self) -> Option<(Moment, Moment)> {
        self.clock.span()
    }

    /// Counts over everything so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Those that are remembered, in no particular order.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = &Conversation> {
        self.table.iter()
    }

    pub(crate) fn at(&self, place: Place) -> &Conversation {
        self.table.at(place.0 as usize)
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}
