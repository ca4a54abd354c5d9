//! One conversation: two sides and what happened between them.

mod taking;

use std::time::Duration;

use super::episode::{Episode, Episodes, What};
use super::half::Half;
use super::hosts::HostId;
use super::log::Log;
use super::reset::Reset;
use super::seen_twice::First;
use super::side::Side;
use super::silences::Silences;
use super::translated::Link;
use crate::dissect::{Endpoint, Flags, Segment};
use crate::{Moment, Span};

/// No SYN is sent again after longer: retransmission timeouts end at 120 s (include/net/tcp.h,
/// `TCP_RTO_MAX`), and timers are late by up to an eighth.
const LONGEST_WAIT: Duration = Duration::from_secs(135);

/// A conversation, in a few hundred bytes.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Counts from 1 in the order of first packets.
    pub(crate) number: u64,
    pub(crate) ends: [Endpoint; 2],
    pub(crate) hosts: [HostId; 2],
    /// Whether who is client was seen, not guessed.
    pub(crate) opening_seen: bool,
    pub(crate) first: Moment,
    /// The number of its latest packet in the capture, from 1.
    pub(crate) last_frame: u64,
    /// The run of the capture's clock in which that was.
    pub(crate) run: u16,
    first_packet: First,
    pub(crate) halves: [Half; 2],
    /// The handshake's end, and how long it took.
    pub(crate) established: Option<(Moment, Span)>,
    /// Both FINs were acknowledged.
    pub(crate) closed_at: Option<Moment>,
    pub(crate) reset: Option<Box<Reset>>,
    /// Somebody opened anew with the same addresses and ports.
    pub(crate) replaced_at: Option<Moment>,
    /// The next of the conversations that are this one before or after translation, in a ring.
    pub(super) translated: Option<Box<Link>>,
    pub(crate) silences: Silences,
    pub(crate) episodes: Episodes,
}

/// A packet's place in the capture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// When it was captured.
    pub(crate) now: Moment,
    /// Its number, from 1.
    pub(crate) frame: u64,
    /// How often the clock had been set back before it.
    pub(crate) run: u16,
    /// Whether it is stamped before the packet that came before it.
    pub(crate) went_back: bool,
    /// When the host it goes to had been heard last, in any conversation.
    pub(crate) elsewhere: Option<Moment>,
    /// How many episodes of its conversation may be kept.
    pub(crate) most: usize,
}

impl Conversation {
    /// A conversation whose first packet is `segment`, between these hosts: its source and its
    /// destination.
    pub(crate) fn begin(
        number: u64,
        segment: &Segment,
        (from, to): (HostId, HostId),
        turn: &Turn,
    ) -> Self {
        let syn = segment.flags.any(Flags::SYN);
        let source = if syn && segment.flags.any(Flags::ACK) {
            Side::Server
        } else if syn || segment.source.port >= segment.destination.port {
            Side::Client
        } else {
            Side::Server
        };
        let (ends, hosts) = match source {
            Side::Client => ([segment.source, segment.destination], [from, to]),
            Side::Server => ([segment.destination, segment.source], [to, from]),
        };
        Self {
            number,
            ends,
            hosts,
            opening_seen: syn,
            first: turn.now,
            last_frame: turn.frame,
            run: turn.run,
            first_packet: First::of(segment),
            halves: Default::default(),
            established: None,
            closed_at: None,
            reset: None,
            replaced_at: None,
            translated: None,
            silences: Silences::default(),
            episodes: Episodes::default(),
        }
    }

    /// Whether this is the latest conversation between two ends.
    pub(crate) fn is_the_one_between(&self, ends: (Endpoint, Endpoint)) -> bool {
        self.replaced_at.is_none() && self.is_between(ends)
    }

    /// Whether these are its ends, in either order.
    pub(crate) fn is_between(&self, (source, destination): (Endpoint, Endpoint)) -> bool {
        let [client, server] = self.ends;
        (source == client && destination == server) || (source == server && destination == client)
    }

    /// The client's and the server's address and port.
    pub(crate) fn ends(&self) -> (Endpoint, Endpoint) {
        (self.ends[0], self.ends[1])
    }

    /// Whose packet this is, by its source.
    pub(crate) fn side_of(&self, source: Endpoint) -> Side {
        if source == self.ends[0] {
            Side::Client
        } else {
            Side::Server
        }
    }

    pub(crate) fn half(&self, side: Side) -> &Half {
        &self.halves[side.index()]
    }

    /// From which host to which a side's packets go.
    pub(crate) fn way(&self, side: Side) -> (HostId, HostId) {
        (self.hosts[side.index()], self.hosts[(!side).index()])
    }

    /// Reads a little of everything that the next segment will need, but for what is elsewhere.
    pub(crate) fn touch(&self) -> u64 {
        let [client, server] = &self.halves;
        let ends = self.ends[0].port ^ self.ends[1].port;
        let replaced = self.replaced_at.map_or(0, Moment::nanos);
        let number = self.number ^ u64::from(ends) ^ replaced ^ self.first_packet.touch();
        number ^ client.touch() ^ server.touch()
    }

    /// Reads a little of what is elsewhere.
    pub(crate) fn touch_what_it_points_to(&self) -> u64 {
        let [client, server] = &self.halves;
        self.episodes.touch() ^ client.resending.touch() ^ server.resending.touch()
    }

    /// The last packet of either side.
    pub(crate) fn last(&self) -> Moment {
        let last = self.halves[0].last.max(self.halves[1].last);
        let reset = self.reset.as_ref().map(|reset| reset.at);
        last.max(reset).unwrap_or(self.first)
    }

    /// Whether it was captured from its opening, and the capture lacks some of it nevertheless.
    pub(crate) fn has_holes(&self) -> bool {
        let holed = |half: &Half| half.counts.uncaptured > 0 && half.counts.packets > 0;
        self.opening_seen && self.halves.iter().any(holed)
    }

    /// Whether the capture has it before and after its addresses were translated.
    pub(crate) fn is_translated(&self) -> bool {
        self.translated.is_some()
    }

    /// Whether this side alone was heard, and its numbers do not tell whether it asks or answers. A
    /// RST has the number after that of a probe.
    pub(crate) fn may_only_answer(&self, side: Side) -> bool {
        let (me, peer) = (self.half(side), self.half(!side));
        let mine = self.reset.as_ref().filter(|reset| reset.side == side);
        let asked = mine.is_some_and(|reset| Some(reset.seq) == me.next);
        peer.counts.packets == 0 && me.acked.is_none() && me.only_acknowledged() && !asked
    }

    /// Whether nothing more is to be expected.
    pub(crate) fn is_over(&self) -> bool {
        self.closed_at.is_some()
            || self
                .reset
                .as_ref()
                .is_some_and(|reset| reset.ignored_by_sender == 0)
    }

    /// Whether a SYN of `side` opens a new connection rather than this one.
    pub(crate) fn is_replaced_by(&self, side: Side, segment: &Segment, now: Moment) -> bool {
        if !segment.flags.any(Flags::SYN) {
            return false;
        }
        let (me, peer) = (self.half(side), self.half(!side));
        let long_ago = || now.since(self.last()) > LONGEST_WAIT;
        match me.syn {
            // No timer waits so long: a scanner comes back, with the number it always uses.
            Some(syn) if syn == segment.seq => segment.opens() && long_ago(),
            _ if segment.flags.any(Flags::ACK) => self.is_over(),
            Some(_) => true,
            // A SYN that comes after the answer to it, or that crosses the other side's.
            None => me.last.is_some() || peer.syn.is_none() || self.established.is_some(),
        }
    }

    /// Whether it is one SYN of the client, and nothing else.
    pub(crate) fn is_lone_syn(&self) -> bool {
        let [client, server] = &self.halves;
        client.syn.is_some() && client.counts.packets == 1 && server.counts.packets == 0
    }

    /// Whether a segment of `side` was there before: the capture was appended to itself.
    pub(crate) fn comes_again(&mut self, side: Side, segment: &Segment, turn: &Turn) -> bool {
        let again = self.first_packet.comes_again(segment, self.run, turn);
        if again {
            let counts = &mut self.halves[side.index()].counts;
            counts.seen_twice = counts.seen_twice.saturating_add(1);
        }
        again
    }

    /// The episodes, with what was still going on when the capture ended.
    pub(crate) fn told(&self) -> Vec<Episode> {
        let mut episodes = self.episodes.clone();
        let mut log = Log {
            episodes: &mut episodes,
            most: usize::MAX,
        };
        for side in Side::BOTH {
            let half = self.half(side);
            if half.asking.unanswered() > 0 {
                half.asking.clone().miss(side, &mut log);
            }
            if half.resending.run().is_some() {
                half.resending.clone().tell(side, &mut log);
            }
            if let Some(shut_at) = half.shut_at {
                log.push((shut_at, self.last()), side, What::WindowShut);
            }
        }
        episodes.into_list()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside it an episode or two, and what a side that asks or sends again needs.
    #[test]
    fn a_conversation_is_a_few_hundred_bytes() {
        let size = size_of::<Conversation>();
        assert!(size <= 736, "{size} bytes");
    }
}
