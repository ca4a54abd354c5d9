//! Resets: who sent them, in reply to what, and whether they are what they claim to be.

use std::time::Duration;

use super::half::Half;
use super::kind::Kind;
use super::sequence::before;
use super::side::Side;
use crate::Moment;
use crate::dissect::{Flags, Segment};

/// A route may change by this many hops without anybody lying.
const SAME_ROUTE: u8 = 2;
/// So many packets that count up their IP identification show that their sender does.
const COUNTED: u8 = 3;
/// An IP identification is of another counter if it is so far from the last.
const FAR: u16 = 5000;
/// Shorter ways can't be told apart from the haste of a host, or of a radio that was awake.
const MEASURABLE: Duration = Duration::from_millis(10);
/// No way takes longer: what does was waiting somewhere.
const LONGEST_WAY: Duration = Duration::from_secs(1);
/// A reply follows what it replies to this soon.
const REPLY: Duration = Duration::from_secs(1);

/// A RST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reset {
    /// When it was captured.
    pub at: Moment,
    /// Whose it claims to be.
    pub side: Side,
    /// Its sequence number.
    pub seq: u32,
    /// Whether it also acknowledges: then it comes from a socket that knows the connection.
    pub acknowledges: bool,
    /// What it replies to: a host that knows no such connection answers with the sequence number it
    /// was asked for.
    pub reply_to: Option<Kind>,
    /// Whether that opened a window that had been closed.
    pub opened_window: bool,
    /// How many hops the side's other packets came, and how many this one, where these differ. The
    /// distance is what is left to the next of the initial TTLs 32, 64, 128 and 255. Not of a
    /// client that sent nothing but SYNs: those of a scan or a trace have any TTL. Nor where it
    /// came as far as the side's SYN: a load balancer that opens connections in its name ends
    /// them, too.
    pub other_distance: Option<(u8, u8)>,
    /// How long it took to answer and the side's fastest answer, where that is much longer.
    pub too_quick: Option<(Duration, Duration)>,
    /// The last IP identification of the side, whose packets count theirs up, and that of this one,
    /// if it is far from it.
    pub strange_id: Option<(u16, u16)>,
    /// Whether its sequence number is one the side cannot have been at.
    pub impossible: bool,
    /// Packets with which the side went on as if it had sent no RST.
    pub ignored_by_sender: u32,
    /// Resets after this one.
    pub repeated: u32,
    /// When a RST in the other side's name came before, after which that side went on: the side
    /// that got it had ended the connection.
    pub after_forged: Option<Moment>,
}

impl Reset {
    pub(super) fn of(me: &Half, peer: &Half, segment: &Segment, side: Side, now: Moment) -> Self {
        let acknowledges = segment.flags.any(Flags::ACK);
        Self {
            at: now,
            side,
            seq: segment.seq,
            acknowledges,
            reply_to: reply_to(me, peer, segment, now),
            opened_window: peer.opens,
            other_distance: me
                .hops
                .filter(|_| side == Side::Server || me.went_on)
                .map(|usual| (distance(usual.get()), distance(segment.hops)))
                .filter(|(usual, seen)| {
                    let opened = me.syn_hops.map(|ttl| distance(ttl.get()));
                    usual != seen && opened != Some(*seen)
                }),
            too_quick: too_quick(me, peer, segment, now),
            strange_id: segment
                .ip_id
                .zip(me.ip_id)
                .filter(|(seen, last)| {
                    *seen != 0 && me.counting >= COUNTED && seen.wrapping_sub(*last) > FAR
                })
                .map(|(seen, last)| (last, seen)),
            impossible: is_impossible(me, peer, segment),
            ignored_by_sender: 0,
            repeated: 0,
            after_forged: None,
        }
    }

    /// In place of one that did not end the connection.
    pub(super) fn after(self, odd: &Self) -> Self {
        let ended = odd.side != self.side && odd.ignored_by_sender > 0 && !odd.impossible;
        Self {
            repeated: odd.repeated.saturating_add(1),
            after_forged: ended.then_some(odd.at),
            ..self
        }
    }

    /// Whether `side` sent it and did not go on afterwards.
    pub(super) fn ended_by(&self, side: Side) -> bool {
        self.side == side && self.ignored_by_sender == 0
    }

    /// Whether somebody between the two sides probably sent it.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        self.came_another_way() || self.impossible || self.ignored_by_sender > 0
    }

    /// Whether it came from another place than the side's other packets: from farther or nearer
    /// than a route changes, or sooner than the way allows.
    #[must_use]
    pub fn came_another_way(&self) -> bool {
        let far = |(usual, seen): (u8, u8)| usual.abs_diff(seen) > SAME_ROUTE;
        self.other_distance.is_some_and(far) || self.too_quick.is_some()
    }
}

/// How many hops a packet came, if its sender began with a usual TTL.
pub(super) fn distance(ttl: u8) -> u8 {
    let initial = [32, 64, 128, 255]
        .into_iter()
        .find(|initial| *initial >= ttl);
    initial.unwrap_or(u8::MAX) - ttl
}

/// An answer that took less than a third of the fastest way there and back. Where the opening
/// wasn't captured the fastest may have been delayed by its sender.
///
/// Only what answers something new shows how long it took: who has closed, or acknowledged all, may
/// have sent its RST before it heard of the last packet.
fn too_quick(
    me: &Half,
    peer: &Half,
    segment: &Segment,
    now: Moment,
) -> Option<(Duration, Duration)> {
    // It may also answer one of those that were still on their way.
    let answers = match segment.flags.any(Flags::ACK) {
        true => peer.next == Some(segment.ack),
        false => peer.last_ack == Some(segment.seq),
    };
    if !answers || !peer.in_flight() || me.fin.is_some() {
        return None;
    }
    let opened = me.syn.is_some() && peer.syn.is_some();
    let fastest = me
        .fastest
        .wait()
        .filter(|fastest| opened && (MEASURABLE..LONGEST_WAY).contains(fastest))?;
    let asked = peer
        .last
        .filter(|asked| me.last.is_none_or(|last| last < *asked))?;
    let took = now.since(asked);
    (took * 3 < fastest).then_some((took, fastest))
}

fn reply_to(me: &Half, peer: &Half, segment: &Segment, now: Moment) -> Option<Kind> {
    let asked = peer.last.filter(|asked| now.since(*asked) <= REPLY)?;
    if me.last.is_some_and(|last| last > asked) {
        return None;
    }
    // RFC 9293, section 3.10.7.1: without an ACK the reply acknowledges the segment, else it has
    // the sequence number which that acknowledged.
    let fits = if segment.flags.any(Flags::ACK) {
        peer.last_ack.is_none() && segment.seq == 0
    } else {
        peer.last_ack == Some(segment.seq)
    };
    peer.last_kind.filter(|_| fits)
}

/// Neither at what was sent nor within what may be sent.
fn is_impossible(me: &Half, peer: &Half, segment: &Segment) -> bool {
    let (Some(next), Some(acked)) = (me.next, me.acked) else {
        return false;
    };
    let room = peer.window.unwrap_or(0).max(u32::from(u16::MAX));
    let lowest = acked.wrapping_sub(room);
    before(segment.seq, lowest) || before(next.wrapping_add(room), segment.seq)
}
