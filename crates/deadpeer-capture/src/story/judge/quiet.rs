//! Silences in which nobody asks any more although somebody ought to.

use std::time::Duration;

use deadpeer_core::Silence;

use super::Case;
use super::unanswered::late;
use crate::Moment;
use crate::dissect::IcmpKind;
use crate::story::evidence::{Evidence, Untold};
use crate::story::verdict::{Ending, Gone, Noticed, StoryVerdict};
use crate::talk::{Asked, Side, What};

/// What is not acknowledged is sent again before so long: the first retransmission timeout is 3 s
/// at most where no round trip was ever measured (RFC 6298, section 2).
const OVERDUE: Duration = Duration::from_secs(6);
/// No user timeout is shorter: a window that was closed for less is no reason to give up.
const PATIENCE: Duration = Duration::from_secs(2);
/// An ICMP error follows what it complains of this soon.
const JUST_BEFORE: Duration = Duration::from_secs(3);

impl Case<'_> {
    /// A side that ought to ask again does not.
    pub(super) fn quiet(&self) -> StoryVerdict {
        let mut sides = Side::BOTH.into_iter();
        sides
            .find_map(|side| self.stopped_at_the_window(side))
            .or_else(|| self.fell_silent())
            .unwrap_or_else(|| self.nobody_asks())
    }

    /// Nobody asks anything. Of a capture that lacks packets that says nothing, unless both were
    /// there to its end.
    fn nobody_asks(&self) -> StoryVerdict {
        let ending = self.standing();
        let there = |side: Side| {
            let last = self.half(side).last;
            last.is_some_and(|last| self.end.since(last) <= OVERDUE)
        };
        if Side::BOTH.into_iter().any(|side| self.waits_in_vain(side)) {
            return self.untold(ending, Untold::EndsTooSoon, self.gaps());
        }
        if Side::BOTH.into_iter().all(there) && !self.around.lossy {
            return self.plain(ending);
        }
        let gaps = self.gaps();
        let untold = gaps.iter().find_map(Evidence::as_untold);
        match untold {
            Some(untold) => self.untold(ending, untold, gaps),
            None => self.plain(ending),
        }
    }

    /// A side asks no more whether the window is still closed, though its last probe was answered.
    fn stopped_at_the_window(&self, side: Side) -> Option<StoryVerdict> {
        let (me, peer) = (self.half(side), self.half(!side));
        let last = me.asking.last().filter(|last| Some(*last) >= me.last)?;
        let due = last.plus(late(me.asking.last_wait()? * 2));
        let shut = peer.shut_at.is_some_and(|at| last.since(at) >= PATIENCE);
        let waits = shut && me.asking.asked() == Asked::Window && peer.window == Some(0);
        let whole = self.gaps().is_empty();
        (waits && whole && self.end > due)
            .then(|| self.gave_up_on_a_closed_window(side, (last, due)))
    }

    /// A side has something in flight and does not send it again. A router may have told it to give
    /// up; else the capture lacks what followed, for the acknowledgment is missing too.
    fn fell_silent(&self) -> Option<StoryVerdict> {
        let side = *self.owing().first()?;
        let me = self.half(side);
        let last = me.sent?;
        let silence = match (me.fin, me.syn.is_some() && me.acked.is_none()) {
            (_, true) => Silence::Connecting,
            (Some(_), _) => Silence::AfterFin,
            (None, _) => Silence::InFlight,
        };
        if let Some((told, kind)) = self.told_by_router(side) {
            return Some(StoryVerdict {
                evidence: vec![Evidence::Router(side, kind)],
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
        let mut evidence = vec![Evidence::CutAfter(self.conversation.last_frame)];
        let latest = self.conversation.last();
        for side in Side::BOTH {
            let heard = self.heard_elsewhere(side, latest);
            evidence.extend(heard.map(|at| Evidence::HeardElsewhere(side, at)));
        }
        evidence.extend(self.gaps());
        let lacks = evidence.iter().find_map(Evidence::as_untold);
        let untold = match (silence, lacks) {
            (_, Some(lacks @ Untold::OneSided(_))) => lacks,
            (Silence::Connecting, _) if side == Side::Server => Untold::NotCompleted,
            (Silence::Connecting, _) => Untold::LoneSyn,
            (_, Some(lacks)) => lacks,
            (_, None) => Untold::Cut(self.conversation.last_frame),
        };
        Some(StoryVerdict {
            unanswered_since: Some(last),
            ..self.untold(self.standing(), untold, evidence)
        })
    }

    /// The sides that ought to have sent something again before the capture ended.
    fn owing(&self) -> Vec<Side> {
        let owes = |side: &Side| {
            let last = self.half(*side).last.max(self.half(!*side).last);
            self.waits(*side) && last.is_some_and(|last| self.end.since(last) >= OVERDUE)
        };
        Side::BOTH.into_iter().filter(owes).collect()
    }

    /// Whether the other side was heard long after this one had sent what it does not acknowledge:
    /// when that is sent again, the capture is over.
    fn waits_in_vain(&self, side: Side) -> bool {
        let (sent, heard) = (self.half(side).sent, self.half(!side).last);
        let long = |(sent, heard): (Moment, Moment)| heard > sent && heard.since(sent) >= OVERDUE;
        self.waits(side) && sent.zip(heard).is_some_and(long)
    }

    /// Whether a side has something in flight that the other one has to acknowledge.
    fn waits(&self, side: Side) -> bool {
        let (me, peer) = (self.half(side), self.half(!side));
        // Who answered for an older connection is there.
        me.answered_of_an_older(peer).is_none()
            && me.in_flight()
            && (me.acked.is_some() || !me.went_on_opening())
            && peer.window != Some(0)
            && peer.fin.is_none()
    }

    /// When an ICMP error ended what a side asked: the first that came, and nothing of that side
    /// after it, in a capture that would have it. Who had been answered meanwhile would have gone
    /// on opening.
    pub(super) fn told_by_router(&self, side: Side) -> Option<(Moment, IcmpKind)> {
        let (me, peer) = (self.half(side), self.half(!side));
        let last = me.last?;
        let only_opens = me.syn.is_some() && !me.went_on && peer.counts.packets == 0;
        let mut icmp_errors = self.conversation.episodes.iter().filter_map(|episode| {
            let What::IcmpError { count, kind, .. } = episode.what else {
                return None;
            };
            (episode.side == side).then_some((count, episode.at, kind))
        });
        match (icmp_errors.next(), icmp_errors.next()) {
            (Some((1, at, kind)), None) if at >= last && at.since(last) <= JUST_BEFORE => {
                (only_opens || self.gaps().is_empty()).then_some((at, kind))
            }
            _ => None,
        }
    }
}
