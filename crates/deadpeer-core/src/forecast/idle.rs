//! Silence while idle: the keepalive timer (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`).
//!
//! At each firing: data in flight or queued: wait the idle time again. Not silent for the idle time
//! yet: wait the rest. User timeout set: dead if the silence is that long and a probe is out,
//! whatever the count. No user timeout: dead if `keepcnt` probes are out. Else probe and wait the
//! interval. Traffic does not arm the timer again, an answered probe neither: who vanishes after
//! answering is probed again after the interval, if that is longer than the idle time.

use super::case::Case;
use super::chain::Chain;
use super::snapshot::Timer;
use super::waits::Waits;
use crate::kernel::Sysctls;
use crate::wheel::{Stretch, granularity};

/// When keepalive gives up, and after how many unanswered probes at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GiveUp {
    pub(super) at: Stretch,
    fewest_probes: u64,
}

impl GiveUp {
    /// The probes that can be lost without a verdict.
    pub(super) fn survives(self) -> u32 {
        u32::try_from(self.fewest_probes.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

impl Case<'_> {
    /// The peer vanished right after its last segment, which arrived at jiffy 0. `None`: keepalive
    /// is off.
    pub(super) fn idle_worst(self) -> Option<GiveUp> {
        let idle = self.idle_wait()?;
        let longest = idle.max(self.probe_wait());
        let latest = self.wheel.blurred().fire(Stretch::at(0), longest).last;
        let first_probe = Stretch::between(idle, latest);
        Some(self.blurred().probing(first_probe, 0, 0))
    }

    /// The peer vanishes at the snapshot's moment, jiffy 0, with nothing in flight. `None`:
    /// keepalive is off.
    pub(super) fn idle_now(self) -> Option<GiveUp> {
        let idle = self.idle_wait()?;
        let Some(heard) = self.snapshot.heard_ago.map(|ago| self.ago(ago)) else {
            return self.idle_worst();
        };
        let sent = u64::from(self.snapshot.probes_out);
        let next = match self.expires(Timer::Keepalive) {
            Some(expires) => self.armed_keepalive(expires, -heard),
            None => {
                let wait = if sent > 0 { 0 } else { idle }.max(self.probe_wait());
                Stretch::between(0, wait + granularity(wait))
            }
        };
        let at = self.first_due(next, heard + idle);
        Some(self.probing(at, heard, sent))
    }

    /// Keepalive packets an hour, both ways, while the peer answers.
    pub(super) fn packets_per_idle_hour(self) -> f64 {
        if self.options.keepalive {
            2.0 * 3600.0 / f64::from(self.options.keepidle_s.max(1))
        } else {
            0.0
        }
    }

    /// When the armed timer fires, `expires` jiffies ahead before the wheel's rounding, `silent`
    /// jiffies after the last segment.
    ///
    /// The rounding follows from the wait it was armed for, which the kernel does not show and
    /// which need not be one of the settings in force: a timer keeps what it was armed with when an
    /// interval or a sysctl changes.
    fn armed_keepalive(self, expires: i64, silent: i64) -> Stretch {
        let longest = if self.snapshot.probes_out > 0 {
            // It was armed after the last segment.
            silent + expires
        } else {
            let idle = self.wheel.seconds(self.options.keepidle_s);
            idle.max(self.probe_wait()).max(self.armed_by_sysctl())
        };
        self.fires(Timer::Keepalive, longest)
            .unwrap_or(Stretch::at(expires))
    }

    /// How long the timer may have been armed for by a sysctl that was lowered since: as long as by
    /// default. A value of the socket's own arms the timer when it is set.
    fn armed_by_sysctl(self) -> i64 {
        if self.options.keepidle_s == self.sysctls.keepalive_time_s {
            self.wheel.seconds(Sysctls::DEFAULT.keepalive_time_s)
        } else {
            0
        }
    }

    /// The firing that finds the idle time over: `next`, or, if that comes before jiffy `due`, the
    /// one after the rest.
    fn first_due(self, next: Stretch, due: i64) -> Stretch {
        if next.first >= due {
            return next;
        }
        let after_the_rest = if next.is_exact() {
            self.wheel.fire(next, due - next.first)
        } else {
            Stretch::between(due + 1, due + granularity(due - next.first))
        };
        if next.last < due {
            after_the_rest
        } else {
            after_the_rest.or(Stretch::between(due, next.last))
        }
    }

    /// From the firing `at` with `sent` probes out, the last segment heard at jiffy `heard`.
    fn probing(self, at: Stretch, heard: i64, sent: u64) -> GiveUp {
        let waits = Waits::constant(Stretch::at(self.probe_wait()));
        let chain = match self.options.user_timeout_ms {
            Some(ms) => Chain::until(
                self.wheel,
                waits,
                Stretch::at(heard + self.wheel.millis(ms)),
            ),
            None => {
                let left = u64::from(self.options.keepcnt).saturating_sub(sent);
                Chain::counting(self.wheel, waits, left)
            }
        };
        // With `tcp_keepalive_probes` 0 there is no probe.
        let may_be_the_last =
            sent > 0 || self.options.user_timeout_ms.is_none() && self.options.keepcnt == 0;
        let end = if may_be_the_last {
            chain.end_at_or_after(at)
        } else {
            chain.end_after(at)
        };
        GiveUp {
            at: end.at,
            fewest_probes: sent + end.fewest_waits,
        }
    }

    fn idle_wait(self) -> Option<i64> {
        self.options
            .keepalive
            .then(|| self.wheel.seconds(self.options.keepidle_s))
    }

    fn probe_wait(self) -> i64 {
        self.wheel.seconds(self.options.keepintvl_s)
    }
}
