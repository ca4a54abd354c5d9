//! A side that asks: keepalive probes and window probes, answered or not.

use std::time::Duration;

use super::episode::{Asked, EpisodeId, What};
use super::log::Log;
use super::side::Side;
use crate::Moment;

/// The probes of a side since the other was last heard.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asking {
    asked: Asked,
    /// The latest probe, while it is unanswered.
    pending: Option<Moment>,
    /// The latest probe.
    last: Option<Moment>,
    /// The one before it.
    before: Option<Moment>,
    /// The first unanswered probe.
    first_unanswered: Option<Moment>,
    /// Unanswered probes before the pending one.
    unanswered: u32,
    /// Whether a bare acknowledgment would answer the latest probe.
    answer_due: bool,
    answered_in: EpisodeId,
    unanswered_in: EpisodeId,
}

impl Asking {
    /// The latest probe.
    pub(crate) fn last(&self) -> Option<Moment> {
        self.last
    }

    /// From the probe before the latest to that.
    pub(crate) fn last_wait(&self) -> Option<Duration> {
        self.last
            .zip(self.before)
            .map(|(last, before)| last.since(before))
    }

    /// The latest probe, while it is unanswered.
    pub(crate) fn pending(&self) -> Option<Moment> {
        self.pending
    }

    /// What was asked last.
    pub(crate) fn asked(&self) -> Asked {
        self.asked
    }

    /// How many probes in a row are unanswered, the latest one included.
    pub(crate) fn unanswered(&self) -> u32 {
        self.unanswered + u32::from(self.pending.is_some())
    }

    /// The first of the unanswered probes.
    pub(crate) fn first_unanswered(&self) -> Option<Moment> {
        self.first_unanswered.or(self.pending)
    }

    /// Whether the other side owes an answer of its own, whatever else it sent.
    pub(crate) fn answer_is_due(&self) -> bool {
        self.answer_due
    }

    /// The side sends a probe.
    pub(crate) fn ask(&mut self, asked: Asked, now: Moment, side: Side, log: &mut Log<'_>) {
        if self.pending.is_some() {
            self.miss(side, log);
        }
        self.asked = asked;
        self.pending = Some(now);
        self.before = self.last.replace(now);
        self.answer_due = true;
    }

    /// The other side sent the answer itself.
    pub(crate) fn answered(&mut self) {
        self.answer_due = false;
    }

    /// The other side sent something that proves that it is there; `true` if a probe had waited for it.
    pub(crate) fn heard(&mut self, now: Moment, side: Side, log: &mut Log<'_>) -> bool {
        self.unanswered = 0;
        self.first_unanswered = None;
        self.unanswered_in = EpisodeId::default();
        let Some(at) = self.pending.take() else {
            return false;
        };
        let asked = self.asked;
        let took = now.since(at);
        let answering = |what: &What| matches!(what, What::Answered { .. });
        let ours =
            |what: &What| matches!(what, What::Answered { asked: other, .. } if *other == asked);
        let open = log.episodes.still(self.answered_in, answering);
        match open.filter(|episode| ours(&episode.what)) {
            Some(episode) => {
                episode.until = now;
                if let What::Answered {
                    count,
                    fastest,
                    slowest,
                    ..
                } = &mut episode.what
                {
                    *count = count.saturating_add(1);
                    *fastest = (*fastest).min(took);
                    *slowest = (*slowest).max(took);
                }
                episode.mark(at, Some(now));
            }
            None => {
                let what = What::Answered {
                    asked,
                    count: 1,
                    fastest: took,
                    slowest: took,
                };
                let episode = log.push((at, now), side, what);
                episode.mark(at, Some(now));
                self.answered_in = episode.reference();
            }
        }
        true
    }

    /// The pending probe will not be answered any more.
    pub(crate) fn miss(&mut self, side: Side, log: &mut Log<'_>) {
        let Some(at) = self.pending.take() else {
            return;
        };
        self.unanswered = self.unanswered.saturating_add(1);
        self.first_unanswered.get_or_insert(at);
        match log.episodes.by_id(self.unanswered_in) {
            Some(episode) => {
                episode.until = at;
                if let What::Unanswered { count, .. } = &mut episode.what {
                    *count = count.saturating_add(1);
                }
                episode.mark(at, None);
            }
            None => {
                let asked = self.asked;
                let episode = log.push((at, at), side, What::Unanswered { asked, count: 1 });
                episode.mark(at, None);
                self.unanswered_in = episode.reference();
            }
        }
    }
}
