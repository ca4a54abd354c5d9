//! A side that asks: keepalive probes and window probes, answered or not.

use std::time::Duration;

use super::episode::{Asked, EpisodeId, What};
use super::log::Log;
use super::measured::Measured;
use super::side::Side;
use crate::{Moment, Span};

/// What comes later than this is hardly the answer.
const LATE: Duration = Duration::from_secs(1);

/// The probes of a side, if it ever sent any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asking(Option<Box<Probes>>);

/// The probes of a side since the other was last heard, and what their times show.
#[derive(Debug, Clone, Default)]
struct Probes {
    asked: Asked,
    /// Whether a bare acknowledgment would answer the latest probe.
    answer_due: bool,
    /// Unanswered probes before the pending one.
    unanswered: u32,
    /// The latest probe, while it is unanswered.
    pending: Option<Moment>,
    /// The latest probe.
    last: Option<Moment>,
    /// The one before it.
    before: Option<Moment>,
    /// The first unanswered probe.
    first_unanswered: Option<Moment>,
    /// When the other side had been heard before the first unanswered one, or the pending one.
    heard_before: Option<Moment>,
    /// How many unanswered probes there were since the other side's host spoke elsewhere; `None`:
    /// that did not.
    since_elsewhere: Option<u32>,
    /// Probes in a row with the same timestamp echo: nothing was heard between them.
    same_echo: u32,
    answered_in: EpisodeId,
    unanswered_in: EpisodeId,
    measured: Measured,
    gap: Option<Gap>,
}

/// Probes in a row that were not answered before the other side was heard again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap {
    pub(crate) asked: Asked,
    pub(crate) probes: u32,
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    /// When the other side had been heard before.
    pub(crate) heard_before: Option<Moment>,
    /// Of these, how many of the latest repeat the timestamp echo of the one before.
    pub(crate) same_echo: u32,
    /// When the other side was heard again.
    pub(crate) over: Moment,
}

impl Asking {
    /// What was asked last.
    pub(crate) fn asked(&self) -> Asked {
        self.0
            .as_ref()
            .map_or(Asked::Presence, |probes| probes.asked)
    }

    /// The latest probe.
    pub(crate) fn last(&self) -> Option<Moment> {
        self.0.as_ref()?.last
    }

    /// From the probe before the latest to that.
    pub(crate) fn last_wait(&self) -> Option<Duration> {
        let probes = self.0.as_ref()?;
        Some(probes.last?.since(probes.before?))
    }

    /// How many probes in a row are unanswered, the latest one included.
    pub(crate) fn unanswered(&self) -> u32 {
        self.0.as_ref().map_or(0, |probes| {
            probes.unanswered + u32::from(probes.pending.is_some())
        })
    }

    /// How many unanswered probes there were since the other side's host spoke elsewhere; `None`:
    /// that did not.
    pub(crate) fn since_elsewhere(&self) -> Option<u32> {
        self.0.as_ref()?.since_elsewhere
    }

    /// How many of the latest probes repeat the timestamp echo of the one before them.
    pub(crate) fn same_echo(&self) -> u32 {
        self.0.as_ref().map_or(0, |probes| probes.same_echo)
    }

    /// The side asks again: what is known of its host and of what it heard since the last time.
    pub(crate) fn notes(&mut self, elsewhere: Option<Moment>, same_echo: bool) {
        if let Some(probes) = &mut self.0 {
            probes.since_elsewhere = match probes.since_elsewhere {
                _ if probes.pending.is_some() && elsewhere > probes.pending => Some(1),
                since => since.map(|since| since + 1),
            };
            probes.same_echo = if same_echo { probes.same_echo + 1 } else { 0 };
        }
    }

    /// The first of the unanswered probes.
    pub(crate) fn first_unanswered(&self) -> Option<Moment> {
        let probes = self.0.as_ref()?;
        probes.first_unanswered.or(probes.pending)
    }

    /// The latest probes of which even the last was not answered at once.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.0.as_ref()?.gap
    }

    /// Whether the other side owes an answer of its own, whatever else it sent.
    pub(crate) fn answer_is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|probes| probes.answer_due)
    }

    /// What the times of the probes show.
    pub(crate) fn measured(&self) -> Measured {
        self.0
            .as_ref()
            .map_or(Measured::default(), |probes| probes.measured)
    }

    /// The side sends a keepalive probe; the other was heard last at `heard`. `unheard`: the answer
    /// to the last one was lost.
    pub(crate) fn probe(
        &mut self,
        heard: Option<Moment>,
        unheard: bool,
        now: Moment,
        side: Side,
        log: &mut Log<'_>,
    ) {
        let probes = self.0.get_or_insert_default();
        let before = probes.pending.or(probes.last.filter(|_| unheard));
        match (before, heard) {
            (Some(last), _) => probes.measured.probed_again_after(now.since(last)),
            (None, Some(heard)) => probes.measured.probed_after_silence(now.since(heard)),
            // Only one side was captured: probes as far apart as the silence they follow.
            (None, None) => {}
        }
        self.ask(Asked::Presence, heard, now, side, log);
    }

    /// The side asks; the other was heard last at `heard`.
    pub(crate) fn ask(
        &mut self,
        asked: Asked,
        heard: Option<Moment>,
        now: Moment,
        side: Side,
        log: &mut Log<'_>,
    ) {
        let probes = self.0.get_or_insert_default();
        probes.miss(side, log);
        if probes.first_unanswered.is_none() {
            probes.heard_before = heard;
        }
        probes.asked = asked;
        probes.pending = Some(now);
        probes.before = probes.last.replace(now);
        probes.answer_due = true;
    }

    /// The other side sent the answer itself.
    pub(crate) fn answered(&mut self) {
        if let Some(probes) = &mut self.0 {
            probes.answer_due = false;
        }
    }

    /// The other side sent something that proves that it is there; `true` if a probe had waited for
    /// it.
    pub(crate) fn heard(&mut self, now: Moment, side: Side, log: &mut Log<'_>) -> bool {
        self.0
            .as_mut()
            .is_some_and(|probes| probes.heard(now, side, log))
    }

    /// The pending probe will not be answered any more.
    pub(crate) fn miss(&mut self, side: Side, log: &mut Log<'_>) {
        if let Some(probes) = &mut self.0 {
            probes.miss(side, log);
        }
    }
}

impl Probes {
    fn heard(&mut self, now: Moment, side: Side, log: &mut Log<'_>) -> bool {
        self.note_gap(now);
        self.unanswered = 0;
        self.since_elsewhere = None;
        self.first_unanswered = None;
        self.unanswered_in = EpisodeId::default();
        let Some(at) = self.pending.take() else {
            return false;
        };
        let took = Span::from(now.since(at));
        let answering = |what: &What| matches!(what, What::Answered { .. });
        if let Some(episode) = log.episodes.still(self.answered_in, answering)
            && let What::Answered {
                asked,
                count,
                fastest,
                slowest,
            } = &mut episode.what
            && *asked == self.asked
        {
            *count = count.saturating_add(1);
            *fastest = (*fastest).min(took);
            *slowest = (*slowest).max(took);
            episode.until = now;
            episode.mark(at, Some(now));
            return true;
        }
        let what = What::Answered {
            asked: self.asked,
            count: 1,
            fastest: took,
            slowest: took,
        };
        let episode = log.push((at, now), side, what);
        episode.mark(at, Some(now));
        self.answered_in = episode.reference();
        true
    }

    fn note_gap(&mut self, now: Moment) {
        let probes = self.unanswered + u32::from(self.pending.is_some());
        let Some((first, last)) = self.first_unanswered.or(self.pending).zip(self.last) else {
            return;
        };
        if now.since(last) >= LATE {
            self.gap = Some(Gap {
                asked: self.asked,
                probes,
                first,
                last,
                heard_before: self.heard_before,
                same_echo: self.same_echo,
                over: now,
            });
        }
    }

    fn miss(&mut self, side: Side, log: &mut Log<'_>) {
        let Some(at) = self.pending.take() else {
            return;
        };
        self.unanswered = self.unanswered.saturating_add(1);
        self.first_unanswered.get_or_insert(at);
        if let Some(episode) = log.episodes.by_id(self.unanswered_in)
            && let What::Unanswered { count, .. } = &mut episode.what
        {
            *count = count.saturating_add(1);
            episode.until = at;
            episode.mark(at, None);
            return;
        }
        let asked = self.asked;
        let episode = log.push((at, at), side, What::Unanswered { asked, count: 1 });
        episode.mark(at, None);
        self.unanswered_in = episode.reference();
    }
}
