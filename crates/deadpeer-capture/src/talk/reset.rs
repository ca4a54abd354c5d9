//! Resets: who sent them, in reply to what, and whether they are what they claim to be.

use super::half::Half;
use super::kind::Kind;
use super::sequence::before;
use super::side::Side;
use crate::Moment;
use crate::dissect::{Flags, Segment};

/// A route may change by this many hops without anybody lying.
const SAME_ROUTE: u8 = 2;
/// A reply follows what it replies to this soon.
const REPLY: std::time::Duration = std::time::Duration::from_secs(3);

/// A RST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reset {
    /// When it was captured.
    pub at: Moment,
    /// Whose it claims to be.
    pub side: Side,
    /// Whether it also acknowledges: then it comes from a socket that knows the connection.
    pub acknowledges: bool,
    /// What it replies to: a host that knows no such connection answers with the sequence number it was asked for.
    pub reply_to: Option<Kind>,
    /// Whether that opened a window that had been closed.
    pub opened_window: bool,
    /// TTLs of the side's other packets and of this one, where they differ by more than a route does.
    pub strange_hops: Option<(u8, u8)>,
    /// Whether its sequence number is one the side cannot have been at.
    pub impossible: bool,
    /// Packets with which the side went on as if it had sent no RST.
    pub ignored_by_sender: u32,
    /// Resets after this one.
    pub repeated: u32,
}

impl Reset {
    pub(super) fn of(me: &Half, peer: &Half, segment: &Segment, side: Side, now: Moment) -> Self {
        let acknowledges = segment.flags.any(Flags::ACK);
        Self {
            at: now,
            side,
            acknowledges,
            reply_to: reply_to(me, peer, segment, now),
            opened_window: peer.opens,
            strange_hops: me
                .hops
                .map(|usual| (usual, segment.hops))
                .filter(|(usual, seen)| usual.abs_diff(*seen) > SAME_ROUTE),
            impossible: is_impossible(me, peer, segment),
            ignored_by_sender: 0,
            repeated: 0,
        }
    }

    /// Whether `side` sent it and did not go on afterwards.
    pub(super) fn ended_by(&self, side: Side) -> bool {
        self.side == side && self.ignored_by_sender == 0
    }

    /// Whether somebody between the two sides probably sent it.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        self.strange_hops.is_some() || self.impossible || self.ignored_by_sender > 0
    }
}

fn reply_to(me: &Half, peer: &Half, segment: &Segment, now: Moment) -> Option<Kind> {
    let asked = peer.last.filter(|asked| now.since(*asked) <= REPLY)?;
    if me.last.is_some_and(|last| last > asked) {
        return None;
    }
    // RFC 9293, section 3.10.7.1: without an ACK the reply acknowledges the segment, else it has the sequence
    // number which that acknowledged.
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
