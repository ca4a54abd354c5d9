//! What a segment, or an ICMP error about one, changes in its conversation.

use std::time::Duration;

use super::{Conversation, Turn};
use crate::Moment;
use crate::dissect::{Flags, IcmpError, Segment};
use crate::talk::classify::Arrival;
use crate::talk::episode::{Asked, What};
use crate::talk::exchange::exchange;
use crate::talk::half::Half;
use crate::talk::hearing::Hearing;
use crate::talk::kind::Kind;
use crate::talk::log::Log;
use crate::talk::reset::Reset;
use crate::talk::sequence::before;
use crate::talk::side::Side;
use crate::talk::silences::Silences;
use crate::talk::updates::acknowledge;

/// What a side sends this soon after a RST may have been on its way before it.
const UNDER_WAY: Duration = Duration::from_millis(50);

impl Conversation {
    /// A segment of `side`.
    pub(crate) fn take(&mut self, side: Side, segment: &Segment, turn: &Turn) -> Kind {
        let Turn { now, most, .. } = *turn;
        self.last_frame = turn.frame;
        self.run = turn.run;
        let (me, peer) = from(side, &mut self.halves);
        if me.recent.has(segment, me.last, now) {
            me.counts.seen_twice = me.counts.seen_twice.saturating_add(1);
            return Kind::SeenTwice;
        }
        let mut log = Log {
            episodes: &mut self.episodes,
            most,
        };
        if me.answers_otherwise(peer, segment) {
            // Its numbers are of a connection that the other side does not know.
            me.counts.packets += 1;
            log.once_more(side, now, What::AnotherAnswer { count: 1 });
            return Kind::SynAck;
        }
        let kind = Arrival {
            me,
            peer,
            segment,
            now,
        }
        .kind();
        if kind == Kind::Ack && me.asks_in_a_way_that_nobody_answers(segment, peer, now) {
            me.counts.mute_probes = me.counts.mute_probes.saturating_add(1);
            log.once_more(side, now, What::MuteProbes { count: 1 });
        }
        if kind == Kind::Reset {
            self.reset(side, segment, now, most);
            return kind;
        }
        let reset = self.reset.as_ref();
        if reset.is_some_and(|reset| reset.ended_by(!side)) {
            // It was under way, or is sent to nobody.
            me.counts.packets += 1;
            me.moves_on(segment, kind);
            return kind;
        }
        let elsewhere = turn.elsewhere.filter(|spoke| Some(*spoke) > peer.last);
        let kind = Taking {
            side,
            segment,
            now,
            elsewhere,
            me,
            peer,
            silences: &mut self.silences,
            log,
        }
        .take(kind);
        self.progress(side, segment, kind, now);
        kind
    }

    /// A RST of `side`.
    fn reset(&mut self, side: Side, segment: &Segment, now: Moment, most: usize) {
        let (me, peer) = from(side, &mut self.halves);
        if let Some(answered) = me.answered_of_an_older(peer)
            && Some(segment.seq) == peer.last_ack
        {
            // It resets the older connection, and may go on opening this one.
            let mut log = Log {
                episodes: &mut self.episodes,
                most,
            };
            me.only_opens();
            log.older_connection(answered, !side, now);
            me.counts.packets += 1;
            return;
        }
        match &mut self.reset {
            // One that the side did not mean, or that is odd, does not end it: this one may.
            Some(reset) if reset.ignored_by_sender > 0 || reset.impossible => {
                **reset = Reset::of(me, peer, segment, side, now).after(reset);
            }
            Some(reset) => reset.repeated = reset.repeated.saturating_add(1),
            None => self.reset = Some(Box::new(Reset::of(me, peer, segment, side, now))),
        }
        let mut log = Log {
            episodes: &mut self.episodes,
            most,
        };
        // Whoever sent it, an answer it is.
        let reply = self
            .reset
            .as_ref()
            .is_some_and(|reset| reset.reply_to.is_some());
        if reply {
            peer.counts_answer(now, !side, &mut log);
            peer.asking.answered();
        }
        // Its last words stay those before: whoever sent the RST, it need not have been the side
        // itself.
        me.counts.packets += 1;
    }

    /// What follows from a segment for the conversation as a whole.
    fn progress(&mut self, side: Side, segment: &Segment, kind: Kind, now: Moment) {
        let both_opened = self.halves.iter().all(|half| half.syn.is_some());
        if self.established.is_none() && both_opened && !segment.flags.any(Flags::SYN) {
            let began = self.halves.iter().filter_map(|half| half.syn_at).min();
            self.established = Some((now, now.since(began.unwrap_or(now)).into()));
        }
        if self.closed_at.is_none() && self.halves.iter().all(Half::finished) {
            self.closed_at = Some(now);
        }
        let opening = kind == Kind::Retransmission && segment.flags.any(Flags::SYN);
        if let Some(reset) = self.reset.as_mut().filter(|reset| reset.side == side) {
            if opening {
                // It reset what was left of an older connection, and goes on opening this one.
                self.reset = None;
            } else if now.since(reset.at) > UNDER_WAY {
                reset.ignored_by_sender = reset.ignored_by_sender.saturating_add(1);
            }
        }
    }

    /// An ICMP error about something that `side` sent.
    pub(crate) fn icmp_error(&mut self, side: Side, error: &IcmpError, now: Moment, most: usize) {
        let said = error.kind;
        let acked = self.half(side).acked;
        let in_window = acked.is_none_or(|acked| !before(error.seq, acked));
        if let Some(last) = self.episodes.last_mut()
            && let What::IcmpError { kind, taken, count } = &mut last.what
            && (*kind, *taken, last.side) == (said, in_window, side)
        {
            *count = count.saturating_add(1);
            last.until = now;
            return;
        }
        let what = What::IcmpError {
            kind: said,
            taken: in_window,
            count: 1,
        };
        self.episodes.push(most, (now, now), side, what);
    }
}

/// A segment that belongs to the connection, and what it changes.
struct Taking<'a> {
    side: Side,
    segment: &'a Segment,
    now: Moment,
    /// When the host it goes to was heard in another conversation, if that was later than in this.
    elsewhere: Option<Moment>,
    me: &'a mut Half,
    peer: &'a mut Half,
    silences: &'a mut Silences,
    log: Log<'a>,
}

impl Taking<'_> {
    /// Notes all that it says; what it looked like may turn out to be an answer.
    fn take(mut self, kind: Kind) -> Kind {
        let (side, segment, now) = (self.side, self.segment, self.now);
        if let Some(last) = self.me.last.max(self.peer.last) {
            self.silences.broken_by(side, now.since(last));
        }
        let unheard = Hearing::take(self.me, self.peer, segment, kind, now);
        let kind = match segment.flags.any(Flags::ACK) {
            true => self.acknowledges(kind),
            false => kind,
        };
        let (peer, log) = (&mut *self.peer, &mut self.log);
        self.me.proves_presence(peer, segment, kind, side, now, log);
        self.me
            .announces_window(peer, segment, kind, side, now, log);
        self.asks(kind, unheard);
        self.me.notes(segment, kind, now);
        exchange(&mut self.log, side, segment, kind, now);
        kind
    }

    /// What it acknowledges.
    fn acknowledges(&mut self, mut kind: Kind) -> Kind {
        let (side, segment, now) = (self.side, self.segment, self.now);
        let (me, peer, log) = (&mut *self.me, &mut *self.peer, &mut self.log);
        if was_a_probe(me, peer, segment, kind) {
            peer.counts.probes = peer.counts.probes.saturating_add(1);
            peer.spoke = None;
            let asked_at = peer.last.unwrap_or(now);
            peer.asking.ask(Asked::Presence, None, asked_at, !side, log);
            kind = Kind::ProbeAnswer;
        }
        if peer.in_flight()
            && peer.next == Some(segment.ack)
            && let Some(sent) = peer.sent
        {
            me.fastest.of(now.since(sent));
        }
        acknowledge(peer, segment.ack, now, log);
        if peer.next == Some(segment.ack) && !kind.asks() && kind != Kind::Retransmission {
            self.silences.acknowledged_by(side);
        }
        kind
    }

    /// What it asks, or sends again.
    fn asks(&mut self, kind: Kind, unheard: bool) {
        let (side, segment, now) = (self.side, self.segment, self.now);
        let (me, peer, log) = (&mut *self.me, &mut *self.peer, &mut self.log);
        match kind {
            Kind::Probe => {
                if me.acked.is_none() {
                    me.assume_probing(segment, side, log);
                }
                me.asking.notes(self.elsewhere, me.repeats_echo(segment));
                me.probes(peer, unheard, side, now, log);
            }
            Kind::WindowProbe => {
                me.asking.notes(self.elsewhere, me.repeats_echo(segment));
                me.counts.window_probes = me.counts.window_probes.saturating_add(1);
                me.asking.ask(Asked::Window, peer.last, now, side, log);
            }
            Kind::Retransmission => {
                let opens = segment.flags.any(Flags::SYN);
                if let Some(answered) = me.answered_of_an_older(peer).filter(|_| opens) {
                    me.only_opens();
                    log.older_connection(answered, !side, now);
                }
                me.resends(segment, (peer.last, self.elsewhere), side, now, log);
            }
            // Only one side was captured: what it sent before was acknowledged, or it wouldn't go
            // on.
            Kind::Data if peer.last.is_none() => me.resending.acknowledged(segment.seq, now, log),
            Kind::Reordered => me.counts.reordered = me.counts.reordered.saturating_add(1),
            Kind::Syn
            | Kind::SynAck
            | Kind::Data
            | Kind::Ack
            | Kind::DuplicateAck
            | Kind::WindowUpdate
            | Kind::WindowClosed
            | Kind::Fin
            | Kind::Reset
            | Kind::ProbeAnswer
            | Kind::WindowProbeAnswer
            | Kind::SeenTwice => {}
        }
    }
}

/// The side's own half, and the other's.
fn from(side: Side, [client, server]: &mut [Half; 2]) -> (&mut Half, &mut Half) {
    match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    }
}

/// The capture began with a probe that looked like an acknowledgment: its answer has just
/// acknowledged one byte more than was ever sent.
fn was_a_probe(me: &Half, peer: &Half, segment: &Segment, kind: Kind) -> bool {
    peer.only_acknowledged()
        && peer.acked.is_none()
        && peer
            .next
            .is_some_and(|next| segment.ack == next.wrapping_add(1))
        && me.last.is_none()
        && kind == Kind::Ack
}
