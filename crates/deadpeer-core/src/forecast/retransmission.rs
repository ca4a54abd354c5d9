//! Silence with data in flight: the retransmission timer (net/ipv4/tcp_timer.c, `tcp_retransmit_timer`).
//!
//! A tail-loss probe may come first, then the first retransmission timeout, here called T1. Nothing dies
//! before T1. From there waits double up to the largest RTO, and at each firing the connection is dead if
//! the time since T1 reached the user timeout, or without one what `tcp_retries2` stands for
//! (`retransmits_timed_out`): a time computed from a base of 200 ms, not a count.

use std::time::Duration;

use super::case::{Case, RTO_MIN_MS};
use super::chain::{Chain, Waits};
use super::snapshot::Timer;
use crate::wheel::{Stretch, Wheel, granularity};

/// What 0 retries of an orphan stand for (`tcp_orphan_retries`).
const ORPHAN_RETRIES_OF_ZERO: u32 = 8;

impl Case<'_> {
    /// A segment is sent at jiffy 0 to a peer that is gone.
    pub(super) fn new_data(self) -> Stretch {
        self.end_after_first_timeout(self.first_timeout())
    }

    /// A segment is in flight at the snapshot's moment, jiffy 0, and the peer is gone.
    pub(super) fn data_in_flight(self) -> Stretch {
        if self.snapshot.retransmits == 0 {
            self.end_after_first_timeout(self.pending_first_timeout())
        } else {
            self.after_first_timeout()
        }
    }

    /// T1 of a segment sent at jiffy 0.
    fn first_timeout(self) -> Stretch {
        let rto = self.base_rto();
        let plain = self.wheel.fire(Stretch::at(0), rto);
        let probe = self.wheel.fire(Stretch::at(0), self.tail_loss_wait());
        let probed = self.wheel.fire(probe, rto);
        match self.tail_loss_probe() {
            Some(true) => probed,
            Some(false) => plain,
            None => plain.or(probed),
        }
    }

    /// T1 of a segment that is in flight already.
    ///
    /// sock_diag shows the tail-loss probe's timer and the timeout's alike.
    fn pending_first_timeout(self) -> Stretch {
        let rto = self.base_rto();
        let (Some(expires), Some(plain)) = (
            self.expires(Timer::Retransmit),
            self.fires(Timer::Retransmit, rto),
        ) else {
            return Stretch::between(0, self.first_timeout().last);
        };
        let probe_wait = self.tail_loss_wait();
        if self.tail_loss_probe() == Some(false) || expires > probe_wait {
            return plain;
        }
        let probe = self.fires(Timer::Retransmit, probe_wait).unwrap_or(plain);
        let probed = self.wheel.fire(probe, rto);
        match (self.tail_loss_probe(), self.snapshot.tail_loss_probe_sent) {
            (_, Some(true)) => plain,
            (Some(true), Some(false)) => probed,
            _ => plain.or(probed),
        }
    }

    /// From T1 to the end.
    fn end_after_first_timeout(self, first: Stretch) -> Stretch {
        let waits = Waits::doubling(self.base_rto().saturating_mul(2), self.rto_max());
        if first.is_exact() {
            return self.chain(first, waits, self.wheel).end_after(first).at;
        }
        let from_zero = self.chain(Stretch::at(0), waits, self.wheel.blurred());
        first.then(from_zero.end_after(Stretch::at(0)).at)
    }

    /// The end, where T1 is over.
    fn after_first_timeout(self) -> Stretch {
        let wheel = self.wheel;
        let wait = wheel.jiffies(self.snapshot.rto.unwrap_or_default()).max(1);
        let next = self
            .fires(Timer::Retransmit, wait)
            .unwrap_or(Stretch::between(0, wait + granularity(wait)));
        let first = match self.snapshot.first_timeout_ago {
            Some(ago) => Stretch::at(self.ago(ago)),
            None => self.estimated_first_timeout(),
        };
        let waits = Waits::doubling(wait.saturating_mul(2), self.rto_max());
        self.chain(first, waits, wheel).end_at_or_after(next).at
    }

    /// The clock that T1 starts.
    fn chain(self, first_timeout: Stretch, waits: Waits, wheel: Wheel) -> Chain {
        let user_timeout = self.options.user_timeout_ms;
        let limit = user_timeout.unwrap_or_else(|| self.retries_ms());
        // The clip is tcp_clamp_rto_to_user_timeout.
        Chain::until(wheel, waits, first_timeout.plus(wheel.millis(limit)))
            .fuzzy()
            .clipped(user_timeout.is_some())
    }

    /// T1 where nothing tells it: all waits since are over, but for the one that runs.
    fn estimated_first_timeout(self) -> Stretch {
        let wheel = self.wheel.blurred();
        let mut waits = Waits::doubling(self.base_rto().saturating_mul(2), self.rto_max());
        let over = (1..self.snapshot.retransmits.min(1000))
            .fold(Stretch::at(0), |sum, _| wheel.fire(sum, waits.take()));
        let running = waits.take();
        Stretch::between(
            -(over.last + running + granularity(running)),
            1 - over.first,
        )
    }

    /// Whether a tail-loss probe precedes T1 (net/ipv4/tcp_output.c, `tcp_schedule_loss_probe`).
    fn tail_loss_probe(self) -> Option<bool> {
        if matches!(self.sysctls.early_retrans, 3 | 4) {
            self.snapshot.tail_loss_probe
        } else {
            Some(false)
        }
    }

    /// How long a tail-loss probe waits: two round trips and, for a lone segment, the minimal RTO
    /// (`tcp_schedule_loss_probe`); never longer than the RTO.
    fn tail_loss_wait(self) -> i64 {
        let rto = self.base_rto();
        let Some(srtt) = self.snapshot.srtt else {
            return rto;
        };
        let rto_min_us = self.sysctls.rto_min_us.unwrap_or(RTO_MIN_MS * 1000);
        let rto_min = Duration::from_micros(u64::from(rto_min_us));
        (self.wheel.jiffies(srtt * 2) + self.wheel.jiffies(rto_min)).min(rto)
    }

    /// What `tcp_retries2`, or the orphans' limit, stands for, milliseconds.
    fn retries_ms(self) -> u32 {
        let retries = match (self.snapshot.orphan, self.sysctls.orphan_retries) {
            (false, _) => self.sysctls.retries2,
            (true, 0) => ORPHAN_RETRIES_OF_ZERO,
            (true, n) => n,
        };
        model_timeout_ms(retries, self.rto_max_ms(), RTO_MIN_MS)
    }
}

/// The time that `retries` doublings from `base_ms` up to `rto_max_ms` take, milliseconds.
///
/// Source: net/ipv4/tcp_timer.c, `tcp_model_timeout`.
#[must_use]
pub fn model_timeout_ms(retries: u32, rto_max_ms: u32, base_ms: u32) -> u32 {
    let base_ms = base_ms.max(1);
    let doublings = (rto_max_ms / base_ms).max(1).ilog2();
    let doubling = |n: u32| ((2_u64 << n) - 1) * u64::from(base_ms);
    let ms = if retries <= doublings {
        doubling(retries)
    } else {
        doubling(doublings) + u64::from(retries - doublings) * u64::from(rto_max_ms)
    };
    u32::try_from(ms).unwrap_or(u32::MAX)
}
