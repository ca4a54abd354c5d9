//! One connection, one kernel, one clock rate: what every rule of the forecast starts from.

use std::time::Duration;

use super::snapshot::{Snapshot, Timer};
use crate::kernel::Sysctls;
use crate::options::{Effective, MAX_RTO_MAX_MS};
use crate::wheel::{Stretch, Wheel};

/// `TCP_RTO_MIN` (include/net/tcp.h), milliseconds.
pub(crate) const RTO_MIN_MS: u32 = 200;
/// `TCP_TIMEOUT_INIT`: the RTO of a path nobody measured (RFC 6298, section 2.1), milliseconds.
pub(super) const RTO_INITIAL_MS: u32 = 1_000;

/// What a rule is applied to. The rules are methods of it, one file for each timer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) options: &'a Effective,
    pub(super) snapshot: &'a Snapshot,
    pub(super) sysctls: &'a Sysctls,
    pub(super) wheel: Wheel,
}

impl Case<'_> {
    /// The same without the wheel's phase.
    pub(super) fn blurred(self) -> Self {
        Self {
            wheel: self.wheel.blurred(),
            ..self
        }
    }

    /// The RTO before any doubling, jiffies. `tcpi_rto` counts the doublings of the current run in; an unknown
    /// RTO is taken for the initial one.
    pub(super) fn base_rto(self) -> i64 {
        let Some(rto) = self.snapshot.rto else {
            return self.wheel.millis(RTO_INITIAL_MS).min(self.rto_max());
        };
        let doublings = if self.snapshot.retransmits > 0 {
            self.snapshot.backoff.min(31)
        } else {
            0
        };
        (self.wheel.jiffies(rto) >> doublings).clamp(1, self.rto_max())
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

    /// When `timer` fires, if it is the armed one; nobody arms it for longer than `longest` jiffies.
    pub(super) fn fires(self, timer: Timer, longest: i64) -> Option<Stretch> {
        let armed = self.snapshot.armed.filter(|armed| armed.timer == timer)?;
        let expires = self.wheel.jiffies(armed.expires_in);
        let (shortest, longest) = match armed.wait.map(|wait| self.wheel.jiffies(wait)) {
            Some(wait) => (wait, wait),
            None => (expires.min(longest), longest),
        };
        Some(self.wheel.pending(expires, shortest, longest))
    }

    /// A duration of the past as jiffies.
    pub(super) fn ago(self, duration: Duration) -> i64 {
        -self.wheel.jiffies(duration)
    }
}
