//! Silences in which nobody asks any more although somebody ought to.

use std::time::Duration;

use deadpeer_core::Silence;

use super::Case;
use super::plea::late;
use crate::Moment;
use crate::story::verdict::{Ending, Gone, Noticed, Verdict};
use crate::talk::{Asked, Side, What};

/// What is not acknowledged is sent again before so long: the first retransmission timeout is 3 s at most where no
/// round trip was ever measured (RFC 6298, section 2).
const OVERDUE: Duration = Duration::from_secs(6);
/// An ICMP error follows what it complains of this soon.
const COMPLAINT: Duration = Duration::from_secs(3);

impl Case<'_> {
    /// A side that ought to ask again does not.
    pub(super) fn quiet(&self) -> Option<Verdict> {
        let mut sides = Side::BOTH.into_iter();
        sides
            .find_map(|side| self.stopped_at_the_window(side))
            .or_else(|| self.fell_silent())
    }

    /// A side asks no more whether the window is still closed, though its last probe was answered.
    fn stopped_at_the_window(&self, side: Side) -> Option<Verdict> {
        let (me, peer) = (self.half(side), self.half(!side));
        let last = me.asking.last().filter(|last| Some(*last) >= me.last)?;
        let due = last.plus(late(me.asking.last_wait()? * 2));
        let waits = me.asking.asked() == Asked::Window && peer.window == Some(0);
        (waits && self.end > due).then(|| self.gave_up_on_a_closed_window(side, (last, due)))
    }

    /// A side has data in flight and does not send it again: it is gone itself, or a router told it to give up.
    fn fell_silent(&self) -> Option<Verdict> {
        let [side] = self.owing()[..] else {
            return None;
        };
        let me = self.half(side);
        let last = me.sent?;
        let silence = match (me.fin, me.syn.is_some() && me.acked.is_none()) {
            (_, true) => Silence::Connecting,
            (Some(_), _) => Silence::AfterFin,
            (None, _) => Silence::InFlight,
        };
        if let Some(told) = self.told_by_router(side) {
            return Some(Verdict {
                gone: Gone::Side(!side),
                last_heard: self.half(!side).last,
                unanswered_since: Some(last),
                unanswered: 0,
                silence: Some(silence),
                noticed: Noticed::Router,
                noticed_at: Some((told, told)),
                ..self.plain(Ending::GaveUp(side))
            });
        }
        Some(Verdict {
            gone: Gone::Side(side),
            last_heard: me.last,
            silence: Some(silence),
            noticed: Noticed::Nobody,
            ..self.plain(self.standing())
        })
    }

    /// The sides that ought to have sent something again before the capture ended.
    fn owing(&self) -> Vec<Side> {
        let owes = |side: &Side| {
            let (me, peer) = (self.half(*side), self.half(!*side));
            let last = me.last.max(peer.last);
            me.in_flight()
                && peer.window != Some(0)
                && peer.fin.is_none()
                // Of a capture with holes the acknowledgment may be missing too.
                && me.counts.uncaptured == 0
                && peer.counts.uncaptured == 0
                && last.is_some_and(|last| self.end.since(last) >= OVERDUE)
        };
        if self.only_one_side() && self.conversation.established.is_some() {
            return Vec::new();
        }
        Side::BOTH.into_iter().filter(owes).collect()
    }

    /// When an ICMP error ended what a side asked: the first that came, and nothing of that side after it.
    pub(super) fn told_by_router(&self, side: Side) -> Option<Moment> {
        let last = self.half(side).last?;
        let mut complaints = self.conversation.episodes.iter().filter_map(|episode| {
            let What::Complaint { count, .. } = episode.what else {
                return None;
            };
            (episode.side == side).then_some((count, episode.at))
        });
        match (complaints.next(), complaints.next()) {
            (Some((1, at)), None) if at >= last && at.since(last) <= COMPLAINT => Some(at),
            _ => None,
        }
    }
}
