//! Silence behind a closed window: the window probe timer (net/ipv4/tcp_timer.c, `tcp_probe_timer`).
//!
//! Probes go out with doubling waits. With a user timeout the connection is dead at the first firing that
//! long after the first probe, also if the peer answered every one. It is dead as well when
//! `tcp_retries2` probes in a row went unanswered; an answer takes the count back to 0,
//! but not the doublings: who vanishes after a long closed window is noticed late.
//!
//! Left out: a receiver that takes back window it had granted (RFC 9293, section 3.8.6, discourages it).

use super::case::{Case, RTO_MIN_MS};
use super::chain::{Chain, Waits};
use super::snapshot::Timer;
use crate::wheel::{Stretch, granularity};

/// Waits double no more than this often (`tcp_probe0_when`: log2(120 s / 200 ms) + 1).
const MOST_DOUBLINGS: u32 = 10;

impl Case<'_> {
    /// The peer vanishes at the worst moment: just after its window closed, or just after it answered a probe at
    /// the widest spacing.
    pub(super) fn closed_window_worst(self) -> Stretch {
        let case = self.blurred();
        let first = case.wheel.fire(Stretch::at(0), case.first_wait());
        let just_closed = case.clock_not_started(first, case.sysctls.retries2.into());
        let probes = u64::from(case.sysctls.retries2) + 1;
        let widest = Waits::constant(case.doubled(case.sysctls.retries2));
        let long_closed = match case.user_timeout() {
            Some(limit) => Chain::until(case.wheel, widest, Stretch::at(limit))
                .clipped(true)
                .at_most(probes),
            None => Chain::counting(case.wheel, widest, probes),
        };
        just_closed.later_of(long_closed.end_after(Stretch::at(0)).at)
    }

    /// The peer vanishes at the snapshot's moment, jiffy 0, with its window closed and data waiting.
    pub(super) fn closed_window_now(self) -> Stretch {
        let snapshot = self.snapshot;
        let wait = self.doubled(snapshot.backoff);
        let next = self
            .fires(Timer::ZeroWindowProbe, wait)
            .unwrap_or(Stretch::between(0, wait + granularity(wait)));
        let most = if snapshot.orphan {
            self.orphan_probes()
        } else {
            u64::from(self.sysctls.retries2.saturating_sub(snapshot.probes_out))
        };
        if snapshot.backoff == 0 && snapshot.probes_out == 0 {
            return self.clock_not_started(next, most);
        }
        let chain = match self.user_timeout() {
            // The kernel shows nowhere when the clock started; it had to run for the waits that are over.
            Some(limit) => {
                let over: i64 = (1..snapshot.backoff).map(|n| self.doubled(n)).sum();
                let limit = Stretch::between(0, (limit - over).max(0));
                Chain::until(self.wheel, self.waits_after(snapshot.backoff), limit)
                    .clipped(true)
                    .at_most(most)
            }
            None => Chain::counting(self.wheel, self.waits_after(snapshot.backoff), most),
        };
        chain.end_at_or_after(next).at
    }

    /// How many more probes an orphan sends: as many as `tcp_orphan_retries` allows, and none once its spacing has reached the
    /// largest RTO (`tcp_probe_timer`, `tcp_orphan_retries`).
    fn orphan_probes(self) -> u64 {
        let (snapshot, retries2) = (self.snapshot, self.sysctls.retries2);
        let over = |more: &u32| {
            let doublings = (snapshot.backoff + more).min(retries2.max(snapshot.backoff));
            let alive = self.base_rto() << doublings.min(31) < self.rto_max();
            let most = self.orphan_retries(alive);
            !alive && doublings >= most || snapshot.probes_out + more >= most
        };
        let more = (0..u32::from(u8::MAX)).find(over);
        u64::from(more.unwrap_or(u32::MAX))
    }

    /// A live peer that keeps its window closed is killed, counted from the moment the window closed;
    /// `None`: never.
    pub(super) fn slow_reader_killed(self) -> Option<Stretch> {
        let limit = self.user_timeout()?;
        let case = self.blurred();
        let first = case.wheel.fire(Stretch::at(0), case.first_wait());
        let chain = Chain::until(case.wheel, case.waits_after(0), Stretch::at(limit)).clipped(true);
        Some(first.then(chain.end_after(Stretch::at(0)).at))
    }

    /// The first probe goes out at the firing `first` and starts the user timeout's clock; there are at most so many.
    fn clock_not_started(self, first: Stretch, most: u64) -> Stretch {
        let chain = |start: Stretch, wheel| match self.user_timeout() {
            Some(limit) => Chain::until(wheel, self.waits_after(0), start.plus(limit))
                .clipped(true)
                .at_most(most),
            None => Chain::counting(wheel, self.waits_after(0), most),
        };
        if most == 0 {
            first
        } else if first.is_exact() {
            chain(first, self.wheel).end_after(first).at
        } else {
            let zero = Stretch::at(0);
            first.then(chain(zero, self.wheel.blurred()).end_after(zero).at)
        }
    }

    /// The waits that follow a firing at `backoff` doublings.
    fn waits_after(self, backoff: u32) -> Waits {
        Waits::doubling(
            self.doubled(backoff + 1),
            self.doubled(self.sysctls.retries2),
        )
    }

    /// The wait at `backoff` doublings; there are no more of them than `tcp_retries2` (`tcp_send_probe0`).
    fn doubled(self, backoff: u32) -> i64 {
        let doublings = backoff.min(self.sysctls.retries2).min(MOST_DOUBLINGS);
        (self.first_wait() << doublings).min(self.rto_max())
    }

    fn first_wait(self) -> i64 {
        self.base_rto().max(self.wheel.millis(RTO_MIN_MS))
    }

    fn user_timeout(self) -> Option<i64> {
        self.options.user_timeout_ms.map(|ms| self.wheel.millis(ms))
    }
}
