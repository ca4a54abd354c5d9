//! Whose turn it is: everything at once, but a [burst](LoopbackBurst) in batches.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::loopback_burst::{LoopbackBurst, beginnings};
use super::survey::{Job, Survey};

/// How far changing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// So many sockets have had their turn.
    pub done: usize,
    /// Of so many.
    pub of: usize,
    /// How long until the last batch begins.
    pub left: Duration,
}

impl Survey {
    /// The burst that is to be changed, if there is one; see [`LoopbackBurst::of`].
    #[must_use]
    pub fn burst(&self, backlog: usize, hz: Option<u32>) -> Option<LoopbackBurst> {
        let idle = self.jobs.iter().filter_map(|job| self.idle_here(job));
        let (count, shortest, longest) = idle.fold((0, u32::MAX, 0), |(count, min, max), idle| {
            (count + 1, idle.min(min), idle.max(max))
        });
        LoopbackBurst::of(count, backlog, shortest..=longest, hz)
    }

    /// How long it takes to change this burst.
    #[must_use]
    pub fn takes(&self, burst: &LoopbackBurst, now: Instant) -> Duration {
        let plan = Plan::of(self, Some(burst), now);
        let last = plan.batches.last().map(|(_, begins)| *begins);
        last.map_or(Duration::ZERO, |last| last - now)
    }

    /// The idle time in seconds after which a connection within this machine will probe; `None` for
    /// all others.
    fn idle_here(&self, job: &Job) -> Option<u32> {
        let (part, change) = self.change(job)?;
        let here = job.peer.is_loopback() || self.here.contains(&job.peer);
        (here && !part.are_listeners() && change.after.keepalive).then_some(change.after.keepidle_s)
    }
}

/// The places of a survey's jobs in the order of their turns, and when each batch begins.
#[derive(Debug)]
struct Plan {
    places: Vec<usize>,
    batches: Vec<(Range<usize>, Instant)>,
}

impl Plan {
    /// What needs no care comes first, in one batch; then those that have been silent for longest.
    fn of(survey: &Survey, burst: Option<&LoopbackBurst>, now: Instant) -> Self {
        let all = 0..survey.jobs.len();
        let Some(burst) = burst else {
            return Self {
                places: all.clone().collect(),
                batches: vec![(all, now)],
            };
        };
        let idle = |place: usize| survey.idle_here(survey.jobs.get(place)?);
        let ripe = |place: &usize| {
            let idle = Duration::from_secs(u64::from(idle(*place)?));
            Some(survey.jobs.get(*place)?.heard? + idle)
        };
        let (mut careful, mut places): (Vec<usize>, Vec<usize>) =
            all.partition(|place| idle(*place).is_some());
        careful.sort_by_key(ripe);
        let others = places.len();
        places.append(&mut careful);
        let starts = (others..places.len()).step_by(burst.batch());
        let ranges: Vec<Range<usize>> = starts
            .map(|start| start..places.len().min(start + burst.batch()))
            .collect();
        let last_ripe = ranges.iter().map(|range| {
            let youngest = places.get(range.end - 1)?;
            ripe(youngest)
        });
        let begin: Vec<Instant> = beginnings(last_ripe, now, burst.step).collect();
        let first = (0..others, now);
        Self {
            batches: std::iter::once(first)
                .chain(ranges.into_iter().zip(begin))
                .collect(),
            places,
        }
    }
}

/// Hands out the jobs of a survey by their places, each batch when its time has come.
#[derive(Debug)]
pub(super) struct Batches {
    plan: Plan,
    next: usize,
    step: Duration,
    /// When the batch before began.
    began: Instant,
}

impl Batches {
    pub(super) fn of(survey: &Survey, backlog: usize, hz: Option<u32>, now: Instant) -> Self {
        let burst = survey.burst(backlog, hz);
        Self {
            plan: Plan::of(survey, burst.as_ref(), now),
            next: 0,
            step: burst.map_or(Duration::ZERO, |burst| burst.step),
            began: now,
        }
    }

    /// When the next batch begins; after the last, when that began.
    pub(super) fn poll_timeout(&self) -> Instant {
        match self.plan.batches.get(self.next) {
            // A batch that took long moves the ones behind it.
            Some((_, begins)) if self.next > 1 => (*begins).max(self.began + self.step),
            Some((_, begins)) => *begins,
            None => self.began,
        }
    }

    /// The next batch, which begins now; `None` after the last.
    pub(super) fn next(&mut self, now: Instant) -> Option<Vec<usize>> {
        let (range, _) = self.plan.batches.get(self.next).cloned()?;
        self.began = now;
        self.next += 1;
        self.plan.places.get(range).map(<[usize]>::to_vec)
    }

    pub(super) fn progress(&self, now: Instant) -> Progress {
        let of = self.plan.places.len();
        let next = self.plan.batches.get(self.next);
        let last = self.plan.batches.last().map_or(now, |(_, begins)| *begins);
        Progress {
            done: next.map_or(of, |(range, _)| range.start),
            of,
            left: last.max(self.poll_timeout()).saturating_duration_since(now),
        }
    }
}
