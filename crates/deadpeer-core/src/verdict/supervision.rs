//! What a supervised connection asks of the kernel and of the judge.

use std::time::Duration;

use super::nanos::Nanos;
use crate::forecast::{Forecast, Notice, RTO_MIN_MS, Silence, Snapshot, Span, model_timeout_ms};
use crate::kernel::Kernel;
use crate::options::{
    Effective, MAX_KEEPALIVE_S, MAX_KEEPCNT, MAX_RTO_MAX_MS, MIN_RTO_MAX_MS, SocketOptions,
};

/// One false alarm a year and connection, unless set.
const FALSE_ALARM_EVERY: Duration = Duration::from_secs(31_557_600);
/// An outage of four fifths of the deadline must be survived: what is left goes into the silence before the first
/// probe, and into the probe that finds the path mended.
const SILENCE_SHARE: u64 = 5;
/// Time kept for the look itself.
const LOOK: Duration = Duration::from_millis(500);

/// Which wins where the deadline and the certainty can't both hold at the measured loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Preference {
    /// No peer is called unreachable that may well be alive; the deadline slips.
    #[default]
    Certainty,
    /// The verdict comes at the deadline, right or wrong.
    Deadline,
}

/// How a connection is watched in user space: one deadline, and how sure the verdict must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Supervision {
    within: Nanos,
    false_alarm_every: Nanos,
    preference: Preference,
}

impl Supervision {
    /// A peer that vanished is called unreachable within `deadline`, but for loss that forbids it.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self {
            within: deadline.into(),
            false_alarm_every: FALSE_ALARM_EVERY.into(),
            preference: Preference::Certainty,
        }
    }

    /// The time in which a connection may expect one false alarm; a year unless set.
    #[must_use]
    pub fn false_alarm_every(self, time: Duration) -> Self {
        Self {
            false_alarm_every: time.into(),
            ..self
        }
    }

    /// What wins where the two can't both hold; [`Preference::Certainty`] unless set.
    #[must_use]
    pub fn prefer(self, preference: Preference) -> Self {
        Self { preference, ..self }
    }

    /// The deadline.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.within.get()
    }

    /// The options that make the kernel ask and keep it from deciding: keepalive with the highest count, no user timeout,
    /// and, where the kernel has it (Linux 6.15), retransmissions as close together as that allows.
    ///
    /// A fifth of the deadline is silence, the rest probing: one packet per idle period while the peer answers, a burst when
    /// it doesn't. The kernel itself would give up after 127 probes, later than the deadline.
    #[must_use]
    pub fn options(&self, kernel: &Kernel) -> SocketOptions {
        let seconds = self.deadline().as_secs();
        let interval = (seconds + 1).div_ceil(u64::from(MAX_KEEPCNT));
        let idle = (seconds / SILENCE_SHARE)
            .saturating_sub(interval + 1)
            .max(1);
        let in_range = |s: u64| {
            u32::try_from(s)
                .unwrap_or(u32::MAX)
                .min(u32::from(MAX_KEEPALIVE_S))
        };
        SocketOptions {
            keepalive: Some(true),
            keepidle_s: Some(in_range(idle)),
            keepintvl_s: Some(in_range(interval)),
            keepcnt: Some(u32::from(MAX_KEEPCNT)),
            user_timeout_ms: Some(0),
            rto_max_ms: self.rto_max_ms(kernel),
            syncnt: None,
        }
    }

    /// The tightest bound of the RTO under which the kernel does not give data in flight up before the deadline.
    fn rto_max_ms(&self, kernel: &Kernel) -> Option<u32> {
        let gives_up = |rto_max_ms| {
            let ms = model_timeout_ms(kernel.sysctls.retries2, rto_max_ms, RTO_MIN_MS);
            Duration::from_millis(u64::from(ms))
        };
        (MIN_RTO_MAX_MS..=MAX_RTO_MAX_MS)
            .step_by(1_000)
            .find(|ms| kernel.rto_max_option && gives_up(*ms) >= self.deadline())
    }

    /// The silence that the kernel, with the settings in force, ends before the judge can: a user timeout that the
    /// application set itself, say, or too small a count. `None`: the judge decides.
    #[must_use]
    pub fn overruled(
        &self,
        options: &Effective,
        snapshot: &Snapshot,
        kernel: &Kernel,
    ) -> Option<(Silence, Span)> {
        let forecast = Forecast::of(options, snapshot, kernel);
        [Silence::Idle, Silence::InFlight, Silence::ZeroWindow]
            .into_iter()
            .filter_map(|silence| match forecast.outlook(silence).worst {
                Notice::Within(span) if span.earliest < self.deadline() => Some((silence, span)),
                Notice::Within(_) | Notice::Never => None,
            })
            .min_by_key(|(_, span)| span.earliest)
    }

    /// How long the silence must be.
    pub(super) fn patience(&self) -> Duration {
        self.deadline() - LOOK.min(self.deadline() / 20)
    }

    /// How many questions are asked in the time that one false alarm is allowed in, at one a second: no
    /// connection asks more often for long.
    pub(super) fn questions(&self) -> f64 {
        self.false_alarm_every.get().as_secs_f64().max(1.0)
    }

    pub(super) fn preference(&self) -> Preference {
        self.preference
    }
}
