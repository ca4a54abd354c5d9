//! One connection, one kernel, one clock rate: what every rule of the forecast starts from.

use std::time::Duration;

use super::snapshot::{Snapshot, Timer};
use crate::kernel::{Kernel, Sysctls};
use crate::options::{Effective, MAX_RTO_MAX_MS};
use crate::wheel::{Stretch, Wheel};

/// `TCP_RTO_MIN` (include/net/tcp.h), milliseconds.
pub const RTO_MIN_MS: u32 = 200;
/// `TCP_TIMEOUT_INIT`: the RTO of a path nobody measured (RFC 6298, section 2.1), milliseconds.
pub(super) const RTO_INITIAL_MS: u32 = 1_000;

/// What TCP assumes of a path that it has not measured (RFC 6298, section 2.1).
pub(super) fn highest_rto() -> Duration {
    Duration::from_millis(u64::from(RTO_INITIAL_MS))
}

/// What a rule is applied to. The rules are methods of it, one file for each timer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) options: &'a Effective,
    pub(super) snapshot: &'a Snapshot,
    pub(super) sysctls: &'a Sysctls,
    pub(super) wheel: Wheel,
    /// Whether a wait is cut to what a user timeout leaves.
    pub(super) cuts_waits: bool,
    /// No descriptor is left.
    pub(super) orphan: bool,
    /// ICMP errors may have come.
    pub(super) disturbed: bool,
    /// The RTO before any doubling, jiffies.
    pub(super) rto: Stretch,
}

impl<'a> Case<'a> {
    /// A connection as it is at the snapshot's moment. An RTO that is not known may be anything up
    /// to `highest_rto`.
    pub(super) fn new(
        options: &'a Effective,
        snapshot: &'a Snapshot,
        kernel: &'a Kernel,
        wheel: Wheel,
        highest_rto: Duration,
    ) -> Self {
        let case = Self {
            options,
            snapshot,
            sysctls: &kernel.sysctls,
            wheel,
            cuts_waits: kernel.cuts_waits && options.user_timeout_ms.is_some(),
            orphan: snapshot.orphan,
            disturbed: snapshot.icmp_error != Some(false),
            rto: Stretch::at(1),
        };
        let rto = match snapshot.rto {
            Some(_) => Stretch::at(case.measured_rto()),
            None => case.any_rto(highest_rto),
        };
        Self {
            rto: rto.at_least(1).at_most(case.rto_max()),
            ..case
        }
    }

    /// The same without the wheel's phase.
    pub(super) fn blurred(self) -> Self {
        Self {
            wheel: self.wheel.blurred(),
            ..self
        }
    }

    /// The RTO before the current run of timeouts; where the run cannot tell, the least that its
    /// path can have.
    fn measured_rto(self) -> i64 {
        if self.snapshot.retransmits == 0 {
            return self.current_rto();
        }
        self.uncut_base().unwrap_or_else(|| {
            let rto_min = self.wheel.jiffies(self.rto_min());
            self.least_base().max(self.round_trip() + rto_min)
        })
    }

    /// Whatever a path's RTO can be: a round trip, 1 us at least, and four deviations, no less than
    /// `tcp_rto_min_us`, rounded up (net/ipv4/tcp_input.c, `tcp_rtt_estimator`, `__tcp_set_rto`).
    fn any_rto(self, highest: Duration) -> Stretch {
        let least = self
            .wheel
            .jiffies(self.rto_min() + Duration::from_micros(1));
        Stretch::between(least, self.wheel.jiffies(highest))
    }

    /// The RTO with the doublings in force, jiffies, as `tcpi_rto` shows it.
    pub(super) fn current_rto(self) -> i64 {
        match self.snapshot.rto {
            Some(rto) => self.wheel.jiffies(rto).max(1),
            None => self.wheel.millis(RTO_INITIAL_MS).min(self.rto_max()),
        }
    }

    /// The RTO before its doublings, where it is certain that none of them was cut to the largest
    /// RTO.
    pub(super) fn uncut_base(self) -> Option<i64> {
        let rto = self.current_rto();
        let doublings = self.snapshot.backoff;
        let base = rto.checked_shr(doublings)?;
        // A maximum that was raised since may have cut it: to a multiple by chance only, and hardly
        // ever of an RTO that a path can have.
        let possible = base
            >= self
                .wheel
                .jiffies(self.rto_min())
                .min(self.wheel.millis(RTO_MIN_MS));
        (rto < self.rto_max() && base << doublings == rto && possible).then_some(base)
    }

    /// The least RTO that so many doublings can have made of: no less than the round trip.
    pub(super) fn least_base(self) -> i64 {
        let undoubled = self.current_rto() >> self.snapshot.backoff.min(31);
        undoubled.max(self.round_trip()).max(1)
    }

    fn round_trip(self) -> i64 {
        self.wheel.jiffies(self.snapshot.srtt.unwrap_or_default())
    }

    /// The least that is added to a round trip (`tcp_rto_min`), unless the route has its own.
    pub(super) fn rto_min(self) -> Duration {
        rto_min(self.sysctls)
    }

    /// The largest RTO, milliseconds: `TCP_RTO_MAX_MS`, or 120 s on kernels without it.
    pub(super) fn rto_max_ms(self) -> u32 {
        self.options.rto_max_ms.unwrap_or(MAX_RTO_MAX_MS)
    }

    /// The largest RTO, jiffies.
    pub(super) fn rto_max(self) -> i64 {
        self.wheel.millis(self.rto_max_ms()).max(1)
    }

    /// Jiffies until the nominal expiry of `timer`, if that is the armed one.
    pub(super) fn expires(self, timer: Timer) -> Option<i64> {
        self.snapshot
            .armed
            .filter(|armed| armed.timer == timer)
            .map(|armed| self.wheel.jiffies(armed.expires_in))
    }

    /// When `timer` fires, if it is the armed one; with the settings in force it is armed for
    /// `longest` jiffies at most.
    pub(super) fn fires(self, timer: Timer, longest: i64) -> Option<Stretch> {
        if let Some(told) = self.fires_by_level(timer) {
            return Some(told);
        }
        let armed = self.snapshot.armed.filter(|armed| armed.timer == timer)?;
        let expires = self.wheel.jiffies(armed.expires_in);
        // It may have been armed before the settings were changed.
        Some(self.wheel.pending(expires, expires, longest.max(expires)))
    }

    /// When `timer` fires, if it is the armed one and the wheel's level tells it.
    pub(super) fn fires_by_level(self, timer: Timer) -> Option<Stretch> {
        let level = self.snapshot.armed?.level?;
        Some(self.wheel.pending_in(self.expires(timer)?, level))
    }

    /// A duration of the past as jiffies.
    pub(super) fn ago(self, duration: Duration) -> i64 {
        -self.wheel.jiffies(duration)
    }
}

/// The least that is added to a round trip (`tcp_rto_min`) in this namespace.
pub(super) fn rto_min(sysctls: &Sysctls) -> Duration {
    let us = sysctls.rto_min_us.unwrap_or(RTO_MIN_MS * 1000);
    Duration::from_micros(u64::from(us))
}
