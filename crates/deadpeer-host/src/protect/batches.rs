//! Whose turn it is: everything at once, but a [burst](LoopbackBurst) in batches.

use std::ops::ControlFlow;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use super::apply::CarryOutError;
use super::loopback_burst::{LoopbackBurst, beginnings};
use super::survey::{Job, Survey};

/// How far changing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// So many sockets have had their turn.
    pub done: usize,
    /// Of so many.
    pub of: usize,
    /// How long until the last batch begins.
    pub left: Duration,
}

/// While it waits, this often the caller is asked whether to go on.
const ASKED_EVERY: Duration = Duration::from_millis(100);

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
    pub fn takes(&self, burst: &LoopbackBurst) -> Duration {
        let now = Instant::now();
        let plan = Plan::of(self, Some(burst), now);
        let last = plan.batches.last().map(|(_, begins)| *begins);
        last.map_or(Duration::ZERO, |last| last - now)
    }

    /// The idle time in seconds after which a connection within this machine will probe; `None` for all others.
    fn idle_here(&self, job: &Job) -> Option<u32> {
        let (part, change) = self.change(job)?;
        let here = job.peer.is_loopback() || self.here.contains(&job.peer);
        (here && !part.listeners && change.after.keepalive).then_some(change.after.keepidle_s)
    }
}

/// The jobs of a survey in the order of their batches, and when each batch begins.
struct Plan<'a> {
    jobs: Vec<&'a Job>,
    batches: Vec<(Range<usize>, Instant)>,
}

impl<'a> Plan<'a> {
    /// What needs no care comes first, in one batch; then those that have been silent for longest.
    fn of(survey: &'a Survey, burst: Option<&LoopbackBurst>, now: Instant) -> Self {
        let Some(burst) = burst else {
            return Self {
                jobs: survey.jobs.iter().collect(),
                batches: vec![(0..survey.jobs.len(), now)],
            };
        };
        let ripe = |job: &&Job| {
            let idle = Duration::from_secs(u64::from(survey.idle_here(job)?));
            Some(job.heard? + idle)
        };
        let (mut careful, mut jobs): (Vec<&Job>, Vec<&Job>) = survey
            .jobs
            .iter()
            .partition(|job| survey.idle_here(job).is_some());
        careful.sort_by_key(ripe);
        let others = jobs.len();
        jobs.append(&mut careful);
        let starts = (others..jobs.len()).step_by(burst.batch());
        let ranges: Vec<Range<usize>> = starts
            .map(|start| start..jobs.len().min(start + burst.batch()))
            .collect();
        let last_ripe = ranges.iter().map(|range| {
            let youngest = jobs.get(range.end - 1)?;
            ripe(youngest)
        });
        let begin: Vec<Instant> = beginnings(last_ripe, now, burst.step).collect();
        let first = (0..others, now);
        Self {
            batches: std::iter::once(first)
                .chain(ranges.into_iter().zip(begin))
                .collect(),
            jobs,
        }
    }
}

/// Hands out the jobs, each batch when its time has come.
pub(super) struct Batches<'a> {
    plan: Plan<'a>,
    next: usize,
    step: Duration,
    /// When the batch before began.
    began: Option<Instant>,
}

impl<'a> Batches<'a> {
    pub(super) fn of(survey: &'a Survey, backlog: usize, hz: Option<u32>) -> Self {
        let burst = survey.burst(backlog, hz);
        Self {
            plan: Plan::of(survey, burst.as_ref(), Instant::now()),
            next: 0,
            step: burst.map_or(Duration::ZERO, |burst| burst.step),
            began: None,
        }
    }

    /// Waits for the next batch; `None` after the last.
    pub(super) fn next(
        &mut self,
        mut waiting: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<&[&'a Job]>, CarryOutError> {
        let Some((range, begins)) = self.plan.batches.get(self.next).cloned() else {
            return Ok(None);
        };
        // A batch that took long moves the ones behind it.
        let begins = match self.began.filter(|_| self.next > 1) {
            Some(began) => begins.max(began + self.step),
            None => begins,
        };
        self.wait_until(begins, &range, &mut waiting)?;
        self.began = Some(Instant::now());
        self.next += 1;
        Ok(self.plan.jobs.get(range))
    }

    fn wait_until(
        &self,
        begins: Instant,
        range: &Range<usize>,
        waiting: &mut impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), CarryOutError> {
        let (done, of) = (range.start, self.plan.jobs.len());
        let last = self.plan.batches.last().map_or(begins, |(_, last)| *last);
        loop {
            let now = Instant::now();
            let left = begins.saturating_duration_since(now);
            if left.is_zero() {
                return Ok(());
            }
            let progress = Progress {
                done,
                of,
                left: last.max(begins).saturating_duration_since(now),
            };
            if waiting(progress).is_break() {
                return Err(CarryOutError::Interrupted { done, of });
            }
            thread::sleep(left.min(ASKED_EVERY));
        }
    }
}
