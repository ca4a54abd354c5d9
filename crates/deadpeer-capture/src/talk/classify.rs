//! What a segment is, judged by what both sides sent before.
//!
//! The common rule (0 or 1 byte, sequence number one below the next) takes window probes, lone
//! bytes sent again and late acknowledgments for keepalive probes, and misses those of a capture
//! that begins on an idle connection. Here a keepalive probe has at most a byte, repeats the last
//! sequence number that the *other side acknowledged*, comes when nothing is unacknowledged, and
//! after silence (RFC 1122, section 4.2.3.6; net/ipv4/tcp_output.c, `tcp_xmit_probe_skb`).

use std::time::Duration;

use super::episode::Asked;
use super::half::Half;
use super::kind::Kind;
use super::sequence::before;
use crate::Moment;
use crate::dissect::{Flags, Segment};

/// A probe comes after at least this much silence: the shortest keepalive is 1 s, after a local
/// failure half of that.
const SILENCE: Duration = Duration::from_millis(400);
/// After a FIN, and where nothing of the other side was ever captured, the evidence is thinner: a
/// whole second, less lateness.
const LONG_SILENCE: Duration = Duration::from_millis(900);
/// A byte that was acknowledged is not sent again after so long: retransmission timeouts are
/// shorter.
const FORGOTTEN: Duration = Duration::from_secs(5);
/// An answer takes no longer.
const LATEST_ANSWER: Duration = Duration::from_secs(3);
/// A segment that was overtaken arrives this soon after those that overtook it.
const OVERTAKEN: Duration = Duration::from_millis(3);

/// A segment of `me`, with what was known before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) me: &'a Half,
    pub(super) peer: &'a Half,
    pub(super) segment: &'a Segment,
    pub(super) now: Moment,
}

impl Arrival<'_> {
    pub(super) fn kind(&self) -> Kind {
        let segment = self.segment;
        if segment.flags.any(Flags::RST) {
            return Kind::Reset;
        }
        if segment.flags.any(Flags::SYN) {
            return self.opening();
        }
        if segment.length <= 1 && !segment.flags.any(Flags::FIN) {
            if self.is_window_probe() {
                return Kind::WindowProbe;
            }
            if self.is_probe() {
                return Kind::Probe;
            }
        }
        if segment.span() > 0 {
            self.content()
        } else {
            self.acknowledgment()
        }
    }

    fn opening(&self) -> Kind {
        if self.me.syn == Some(self.segment.seq) {
            Kind::Retransmission
        } else if self.segment.flags.any(Flags::ACK) {
            Kind::SynAck
        } else {
            Kind::Syn
        }
    }

    /// The other side's window is closed, and this asks whether it still is. Linux repeats an
    /// acknowledged sequence number without a byte (`tcp_write_wakeup`); others send the first byte
    /// beyond the window (RFC 9293, 3.8.6.1).
    fn is_window_probe(&self) -> bool {
        let (me, segment) = (self.me, self.segment);
        let (Some(acked), Some(0)) = (me.acked, self.peer.window) else {
            return false;
        };
        let repeats = segment.seq.wrapping_add(1) == acked && !me.in_flight();
        let beyond = segment.seq == acked && me.next.is_none_or(|next| next == acked);
        if segment.length == 0 {
            repeats
        } else {
            beyond || (repeats && !self.is_lone_byte_again())
        }
    }

    fn is_probe(&self) -> bool {
        let (me, segment) = (self.me, self.segment);
        if self.is_garbage_at_first() {
            return true;
        }
        let Some(edge) = self.edge() else {
            return false;
        };
        if segment.seq.wrapping_add(1) != edge {
            return self.repeats_into_silence();
        }
        let enough = if me.fin.is_some() {
            LONG_SILENCE
        } else {
            SILENCE
        };
        !me.in_flight_beyond(edge)
            && self.silence().is_none_or(|silence| silence >= enough)
            && (segment.length == 0 || !self.is_lone_byte_again())
    }

    /// The capture begins on an idle connection, with the one byte of garbage that Windows and
    /// others put into a probe: a zero, which nobody pushes.
    fn is_garbage_at_first(&self) -> bool {
        let (me, segment) = (self.me, self.segment);
        let first = me.last.is_none() && me.acked.is_none();
        let pushed = segment.flags.any(Flags::PSH);
        first && segment.length == 1 && segment.first_byte == Some(0) && !pushed
    }

    /// The sequence number up to which the other side has everything.
    fn edge(&self) -> Option<u32> {
        match self.me.acked {
            Some(acked) => Some(acked),
            // Only this side was captured: what it sent next was acknowledged, or it wouldn't have.
            None if self.peer.last.is_none() => self.me.next,
            None => None,
        }
    }

    /// The capture begins on an idle connection: this side says the same again, and nobody was ever
    /// heard.
    ///
    /// That it hears somebody whom the capture doesn't have, its timestamp echo shows: then it
    /// answers.
    fn repeats_into_silence(&self) -> bool {
        let (me, segment) = (self.me, self.segment);
        let echo = segment.timestamps.map(|(_, echo)| echo);
        segment.length == 0
            && !segment.flags.any(Flags::PSH)
            && self.peer.last.is_none()
            && me.only_acknowledged()
            && me.next == Some(segment.seq)
            && me.last_ack == Some(segment.ack)
            && me.last_echo == echo
            && me
                .last
                .is_some_and(|last| self.now.since(last) >= LONG_SILENCE)
    }

    /// How long nobody said anything but probes; `None` if nobody was heard before.
    fn silence(&self) -> Option<Duration> {
        let heard = self.peer.spoke.max(self.me.sent).max(self.me.asking.last());
        heard.map(|heard| self.now.since(heard))
    }

    /// Whether this byte is rather the last one, which was sent alone, than the garbage of a probe.
    fn is_lone_byte_again(&self) -> bool {
        let (me, segment) = (self.me, self.segment);
        if me.data != Some((segment.seq, 1)) {
            return false;
        }
        let differs = me
            .data_byte
            .zip(segment.first_byte)
            .is_some_and(|(sent, seen)| sent != seen);
        let long_ago = me.sent.is_none_or(|sent| self.now.since(sent) >= FORGOTTEN);
        !differs && (!long_ago || me.resending.concerns(segment.seq))
    }

    /// Data or a FIN: new, sent before, or overtaken.
    fn content(&self) -> Kind {
        let (me, segment) = (self.me, self.segment);
        let is_old = me.next.is_some_and(|next| {
            before(segment.seq, next) && (!before(next, segment.end()) || self.grows_at(me.acked))
        });
        if !is_old {
            let fin = segment.flags.any(Flags::FIN);
            return if fin { Kind::Fin } else { Kind::Data };
        }
        if self.is_overtaken() {
            Kind::Reordered
        } else {
            Kind::Retransmission
        }
    }

    /// Sent again is what was not acknowledged, and what was written since goes with it (RFC 9293,
    /// section 3.8.1).
    fn grows_at(&self, acked: Option<u32>) -> bool {
        acked == Some(self.segment.seq) && self.segment.length > 0
    }

    /// A lower IP identification than that of a packet before it, or, without one, hardly any time
    /// since then.
    fn is_overtaken(&self) -> bool {
        let (me, segment) = (self.me, self.segment);
        let acknowledged = me.acked.is_some_and(|acked| !before(acked, segment.end()));
        let soon = |within| me.last.is_some_and(|last| self.now.since(last) <= within);
        if acknowledged {
            return false;
        }
        match (segment.ip_id, me.ip_id) {
            (Some(this), Some(last)) if this != 0 && last != 0 => {
                let behind = last.wrapping_sub(this);
                (1..1000).contains(&behind) && soon(SILENCE)
            }
            _ => soon(OVERTAKEN),
        }
    }

    /// No data, no FIN.
    fn acknowledgment(&self) -> Kind {
        let (me, peer, segment) = (self.me, self.peer, self.segment);
        let asked = peer.asking.last().filter(|_| peer.asking.answer_is_due());
        if asked.is_some_and(|asked| self.now.since(asked) <= LATEST_ANSWER)
            && peer.acked.is_none_or(|acked| !before(segment.ack, acked))
            && !self.acknowledges_more()
        {
            return match peer.asking.asked() {
                Asked::Presence => Kind::ProbeAnswer,
                Asked::Window => Kind::WindowProbeAnswer,
            };
        }
        let window = me.window_of(segment);
        match me.window {
            Some(before) if before > 0 && window == 0 => Kind::WindowClosed,
            None if window == 0 => Kind::WindowClosed,
            Some(0) if window > 0 => Kind::WindowUpdate,
            Some(before) if me.last_ack == Some(segment.ack) => {
                if before != window {
                    Kind::WindowUpdate
                } else if peer.in_flight() {
                    Kind::DuplicateAck
                } else {
                    Kind::Ack
                }
            }
            _ => Kind::Ack,
        }
    }
}

impl Arrival<'_> {
    /// Whether it acknowledges what was in flight: then that is what it answers.
    fn acknowledges_more(&self) -> bool {
        let Some(acked) = self.peer.acked else {
            return false;
        };
        before(acked, self.segment.ack) && self.peer.in_flight_beyond(acked)
    }
}

impl Half {
    /// Whether it sent something beyond `edge`.
    fn in_flight_beyond(&self, edge: u32) -> bool {
        self.next.is_some_and(|next| before(edge, next))
    }
}
