//! Many connections of this machine's own, and how many of them can be changed at once.
//!
//! The kernel's timers fire together in steps ([`deadpeer_core::wheel`]), so connections that fall
//! silent, or are changed, within one step probe in the same tick, and for ever, since they are
//! answered in the same tick too. A network device whose queue is full refuses a probe, and the
//! kernel tries again half a second later without counting it (net/ipv4/tcp_timer.c,
//! `tcp_keepalive_timer`; `tcp_write_wakeup` > 0). The loopback refuses nothing: what does not fit
//! into the receiving processor's backlog (net/core/dev.c, `enqueue_to_backlog`;
//! `net.core.netdev_max_backlog`) is dropped unsaid and counts as unanswered. So only connections
//! with both ends on this machine have to be kept apart: a batch for each step.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use deadpeer_core::wheel::{CLOCK_RATES, Wheel, granularity};

/// The kernel's default for `net.core.netdev_max_backlog`, in packets for each processor.
const DEFAULT_BACKLOG: usize = 1000;

/// The packets that the receive backlog of a processor holds: `net.core.netdev_max_backlog`, or the
/// kernel's default where that can't be read, as in network namespaces of their own, which do not
/// show it.
#[must_use]
pub fn backlog() -> usize {
    std::fs::read_to_string("/proc/sys/net/core/netdev_max_backlog")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(DEFAULT_BACKLOG)
}

/// More ends of connections within this machine than may probe in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopbackBurst {
    /// Ends that will probe, and whose peer is on this machine too.
    pub sockets: usize,
    /// The packets that the [backlog](backlog()) holds.
    pub backlog: usize,
    /// How far apart batches begin: a step of the timer wheel and a jiffy.
    pub step: Duration,
    /// How long a connection is silent before it probes: the shortest of them.
    pub idle: Duration,
}

impl LoopbackBurst {
    /// What so many ends come to that probe after these seconds of silence; `None`: they may all be
    /// changed at once.
    ///
    /// `hz` is the kernel's clock rate; where it is not known, the widest steps count.
    #[must_use]
    pub fn of(
        sockets: usize,
        backlog: usize,
        idle_s: RangeInclusive<u32>,
        hz: Option<u32>,
    ) -> Option<Self> {
        (sockets > backlog).then(|| Self {
            sockets,
            backlog,
            step: step(*idle_s.end(), hz),
            idle: Duration::from_secs(u64::from(*idle_s.start())),
        })
    }

    /// How many are changed at once: at most half of what the backlog holds, since a batch may be
    /// late and meet the next one; more only if they [do not fit](Self::fits).
    #[must_use]
    pub fn batch(&self) -> usize {
        self.safe_batch()
            .max(self.sockets.div_ceil(self.most_batches()))
    }

    /// Whether every batch has a tick of its own. More batches than there are steps in an idle time
    /// would meet the first ones again.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.sockets.div_ceil(self.safe_batch()) <= self.most_batches()
    }

    /// The backlog in which they would [fit](Self::fits).
    #[must_use]
    pub fn backlog_needed(&self) -> usize {
        2 * self.sockets.div_ceil(self.most_batches())
    }

    /// The most ends that would [fit](Self::fits).
    #[must_use]
    pub fn most_sockets(&self) -> usize {
        self.most_batches() * self.safe_batch()
    }

    fn safe_batch(&self) -> usize {
        (self.backlog / 2).max(1)
    }

    fn most_batches(&self) -> usize {
        let whole = self.idle.as_nanos() / self.step.as_nanos().max(1);
        usize::try_from(whole).unwrap_or(usize::MAX).max(1)
    }
}

/// A step of the wheel for a wait of `idle_s` seconds, and a jiffy.
fn step(idle_s: u32, hz: Option<u32>) -> Duration {
    let rates = hz.map_or(CLOCK_RATES.to_vec(), |hz| vec![hz]);
    let steps = rates.into_iter().map(|hz| {
        let wheel = Wheel::new(hz, None);
        wheel.time(granularity(wheel.seconds(idle_s)) + 1)
    });
    steps.max().unwrap_or_default()
}

/// When batches begin that are `step` apart, each not before it is ripe (`None`: it is), if the
/// first may begin `now`.
///
/// A connection that was heard less than an idle time ago probes when that is over, whenever it is
/// changed. It is ripe then: from then on the change itself says when it probes.
pub(super) fn beginnings(
    ripe: impl Iterator<Item = Option<Instant>>,
    now: Instant,
    step: Duration,
) -> impl Iterator<Item = Instant> {
    ripe.scan(None, move |before: &mut Option<Instant>, ripe| {
        let next = before.map_or(now, |before| before + step);
        let begins = ripe.map_or(next, |ripe| ripe.max(next));
        *before = Some(begins);
        Some(begins)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(sockets: usize, idle_s: u32) -> Option<LoopbackBurst> {
        LoopbackBurst::of(sockets, 1000, idle_s..=idle_s, Some(250))
    }

    #[test]
    fn what_the_backlog_holds_is_no_burst() {
        assert_eq!(burst(0, 9), None);
        assert_eq!(burst(1000, 9), None);
        assert!(burst(1001, 9).is_some());
    }

    #[test]
    fn batches_are_half_a_backlog_and_a_wheel_step_apart() {
        let burst = burst(10_000, 9).unwrap();
        assert_eq!(burst.step, Duration::from_millis(256 + 4));
        assert!(burst.fits());
        assert_eq!(burst.batch(), 500);
        assert!(burst.backlog_needed() <= 1000);
    }

    #[test]
    fn as_many_batches_fit_as_there_are_steps_in_an_idle_time() {
        // 9 s are 34 times 260 ms.
        assert!(burst(34 * 500, 9).unwrap().fits());
        let more = burst(34 * 500 + 1, 9).unwrap();
        assert!(!more.fits());
        assert_eq!(more.most_sockets(), 34 * 500);
        // Done all the same, the batches are as small as they can be.
        assert_eq!(more.batch(), 501);
        let raised = LoopbackBurst::of(more.sockets, more.backlog_needed(), 9..=9, Some(250));
        assert!(raised.unwrap().fits());
    }

    #[test]
    fn the_longest_wait_says_how_wide_a_step_is_and_the_shortest_how_many_fit() {
        let burst = LoopbackBurst::of(5000, 1000, 9..=17, Some(250)).unwrap();
        assert_eq!(burst.step, Duration::from_millis(2048 + 4));
        assert_eq!(burst.most_sockets(), 4 * 500);
    }

    #[test]
    fn an_unknown_clock_rate_counts_as_the_widest_step() {
        let unknown = LoopbackBurst::of(5000, 1000, 9..=9, None).unwrap();
        let widest =
            CLOCK_RATES.map(|hz| LoopbackBurst::of(5000, 1000, 9..=9, Some(hz)).unwrap().step);
        assert_eq!(Some(unknown.step), widest.into_iter().max());
    }

    #[test]
    fn tiny_backlogs_and_idle_times_divide_by_nothing() {
        let burst = LoopbackBurst::of(7, 0, 0..=0, Some(250)).unwrap();
        assert!(!burst.fits());
        assert_eq!((burst.batch(), burst.most_sockets()), (7, 1));
    }

    #[test]
    fn a_batch_waits_for_the_one_before_and_until_it_is_ripe() {
        let now = Instant::now();
        let after = |ms| now + Duration::from_millis(ms);
        let ripe = [None, None, Some(after(1000)), None, Some(after(1100))];
        let begin: Vec<Instant> =
            beginnings(ripe.into_iter(), now, Duration::from_millis(260)).collect();
        assert_eq!(begin, [0, 260, 1000, 1260, 1520].map(after));
    }
}
