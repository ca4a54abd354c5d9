//! What a segment changes on its sender's side, and on the other's.

use std::num::NonZeroU8;
use std::time::Duration;

use super::episode::{Asked, Resent, What};
use super::half::Half;
use super::kind::Kind;
use super::log::Log;
use super::resending::Times;
use super::sequence::{before, later};
use super::side::Side;
use crate::Moment;
use crate::dissect::{Flags, Segment};

/// A window that was closed for less is not worth an episode.
const SHUT: Duration = Duration::from_secs(1);

/// An IP identification that goes up by no more is counted, not random.
const COUNTS_UP: u16 = 64;

/// Takes over what was acknowledged of a side.
pub(super) fn acknowledge(half: &mut Half, ack: u32, now: Moment, log: &mut Log<'_>) {
    if let Some(next) = half.next
        && before(next, ack)
    {
        let probed = matches!(
            half.last_kind,
            Some(Kind::Probe | Kind::WindowProbe | Kind::Ack)
        );
        let missed = ack.wrapping_sub(next);
        if !(probed && missed == 1) {
            half.counts.uncaptured = half.counts.uncaptured.saturating_add(u64::from(missed));
        }
        half.next = Some(ack);
    }
    half.acked = Some(later(half.acked, ack));
    half.resending.acknowledged(ack, now, log);
}

/// What a segment changes on its sender's side.
impl Half {
    /// The other side's questions are answered by whatever acknowledges as much.
    pub(super) fn proves_presence(
        &mut self,
        peer: &mut Self,
        segment: &Segment,
        kind: Kind,
        side: Side,
        now: Moment,
        log: &mut Log<'_>,
    ) {
        peer.resending.heard();
        // What is sent again proves that it hears nothing rather than that it answers.
        if kind == Kind::Retransmission {
            return;
        }
        if matches!(kind, Kind::ProbeAnswer | Kind::WindowProbeAnswer) {
            peer.asking.answered();
        }
        let up_to_date = !segment.flags.any(Flags::ACK)
            || peer.acked.is_none_or(|acked| !before(segment.ack, acked));
        if up_to_date {
            peer.counts_answer(now, !side, log);
        }
    }

    /// The other side is heard: that answers a probe, if one waits.
    pub(super) fn counts_answer(&mut self, now: Moment, side: Side, log: &mut Log<'_>) {
        let asked = self.asking.asked();
        if self.asking.heard(now, side, log) {
            let answered = match asked {
                Asked::Presence => &mut self.counts.probes_answered,
                Asked::Window => &mut self.counts.window_probes_answered,
            };
            *answered = answered.saturating_add(1);
        }
    }

    pub(super) fn announces_window(
        &mut self,
        peer: &Self,
        segment: &Segment,
        kind: Kind,
        side: Side,
        now: Moment,
        log: &mut Log<'_>,
    ) {
        if kind == Kind::Reordered {
            return;
        }
        if segment.flags.any(Flags::SYN) {
            self.scale = segment.window_scale.or(self.scale);
            // The window of a SYN is never scaled (RFC 7323, section 2.2).
            self.window = Some(u32::from(segment.window));
            return;
        }
        let window = self.window_of(segment);
        self.opens = self.window == Some(0) && window > 0;
        // Who has heard everything needs no window.
        let needed = peer.fin != Some(segment.ack);
        if window == 0 && needed {
            self.shut_at.get_or_insert(now);
        } else if let Some(shut_at) = self.shut_at.take()
            && now.since(shut_at) >= SHUT
        {
            log.push((shut_at, now), side, What::WindowShut);
        }
        self.window = Some(window);
    }

    /// What looked like acknowledgments were probes: nobody is heard, and they are repeated.
    pub(super) fn assume_probing(&mut self, segment: &Segment, side: Side, log: &mut Log<'_>) {
        let edge = segment.seq.wrapping_add(1);
        if self.next == Some(segment.seq)
            && let Some(last) = self.last
        {
            self.next = Some(edge);
            self.spoke = None;
            self.counts.probes = self.counts.probes.saturating_add(1);
            self.asking.ask(Asked::Presence, None, last, side, log);
        }
    }

    /// It sends a keepalive probe. One that did not hear the answer to the last one counts its
    /// intervals, not silence.
    pub(super) fn probes(
        &mut self,
        peer: &Self,
        unheard: bool,
        side: Side,
        now: Moment,
        log: &mut Log<'_>,
    ) {
        self.counts.probes = self.counts.probes.saturating_add(1);
        // What the other side asks does not restart its timer: a probe lies before the window, and
        // is passed over (net/ipv4/tcp_input.c, `tcp_validate_incoming`).
        let heard = if unheard { None } else { peer.spoke };
        self.asking.probe(heard, unheard, now, side, log);
    }

    pub(super) fn resends(
        &mut self,
        segment: &Segment,
        (heard, elsewhere): (Option<Moment>, Option<Moment>),
        side: Side,
        now: Moment,
        log: &mut Log<'_>,
    ) {
        self.counts.retransmissions = self.counts.retransmissions.saturating_add(1);
        let acknowledged = self
            .acked
            .is_some_and(|acked| !before(acked, segment.end()));
        if acknowledged {
            // The acknowledgment was lost on its way.
            return;
        }
        let what = if segment.flags.any(Flags::SYN) {
            Resent::Syn
        } else if segment.length == 0 {
            Resent::Fin
        } else {
            Resent::Data
        };
        let subject = (what, segment.seq);
        let times = Times {
            heard,
            sent: self.sent,
            elsewhere,
            now,
            fresh: segment.ip_id.is_none_or(|id| id == 0) || segment.ip_id != self.ip_id,
        };
        self.resending
            .again(subject, times, side, &mut self.rto, log);
    }

    /// Remembers what the next segments are judged by.
    pub(super) fn notes(&mut self, segment: &Segment, kind: Kind, now: Moment) {
        self.counts.packets += 1;
        self.went_on |= !segment.flags.any(Flags::SYN);
        self.acknowledged_alone |= segment.is_bare_acknowledgment();
        if !kind.asks() {
            self.counts.bytes += u64::from(segment.length);
            self.spoke = Some(now);
        }
        self.last = Some(now);
        self.last_kind = Some(kind);
        self.hops = NonZeroU8::new(segment.hops);
        if kind != Kind::Reordered {
            let step = segment
                .ip_id
                .zip(self.ip_id)
                .map(|(id, last)| id.wrapping_sub(last));
            self.counting = match step {
                Some(1..=COUNTS_UP) => self.counting.saturating_add(1),
                _ => 0,
            };
            self.ip_id = segment.ip_id;
        }
        if segment.flags.any(Flags::ACK) {
            self.last_ack = Some(segment.ack);
        }
        self.last_echo = segment.timestamps.map(|(_, echo)| echo);
        self.last_value = segment.timestamps.map(|(value, _)| value);
        if kind.asks() {
            if self.next.is_none() {
                self.next = Some(segment.seq.wrapping_add(1));
            }
            return;
        }
        if segment.span() > 0 {
            self.sent = Some(now);
        }
        if segment.flags.any(Flags::SYN) {
            if self.syn != Some(segment.seq) {
                self.syn = Some(segment.seq);
                self.syn_hops = NonZeroU8::new(segment.hops);
                self.next = Some(segment.end());
            }
            self.syn_at.get_or_insert(now);
            return;
        }
        if segment.flags.any(Flags::FIN) {
            self.fin = Some(segment.end());
            self.fin_at.get_or_insert(now);
        }
        self.moves_on(segment, kind);
    }

    /// How far it has come, by which its next segments are known as new or old.
    pub(super) fn moves_on(&mut self, segment: &Segment, kind: Kind) {
        if segment.length > 0 && matches!(kind, Kind::Data | Kind::Fin) {
            self.data = Some((segment.seq, segment.length));
            self.data_byte = segment.first_byte.filter(|_| segment.length == 1);
        }
        if !kind.asks() {
            self.next = Some(later(self.next, segment.end()));
        }
    }
}
