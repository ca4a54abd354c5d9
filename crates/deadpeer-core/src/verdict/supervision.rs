//! What a supervised connection asks of the kernel and of the judge.

use std::time::Duration;

use crate::kernel::Kernel;
use crate::options::{MAX_KEEPALIVE_S, MAX_KEEPCNT, MIN_RTO_MAX_MS, SocketOptions};

/// One false alarm a year and connection, unless set.
const FALSE_ALARM_EVERY: Duration = Duration::from_secs(31_557_600);
/// So many seconds of probing fit into a deadline if half of it allows: enough for twenty probes, which is what a quarter
/// of all packets lost asks for.
const PROBING_S: u64 = 20;

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
    within: Duration,
    false_alarm_every: Duration,
    preference: Preference,
}

impl Supervision {
    /// A peer that vanished is called unreachable within `deadline`, but for loss that forbids it.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self {
            within: deadline,
            false_alarm_every: FALSE_ALARM_EVERY,
            preference: Preference::Certainty,
        }
    }

    /// The time in which a connection may expect one false alarm; a year unless set.
    #[must_use]
    pub fn false_alarm_every(self, time: Duration) -> Self {
        Self {
            false_alarm_every: time,
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
        self.within
    }

    /// The options that make the kernel ask and keep it from deciding: keepalive with the highest count, no user timeout,
    /// and, where the kernel has it (Linux 6.15), retransmissions at least every second.
    ///
    /// Half of the deadline, and at most 20 s of it, goes into probing: one packet per idle period while the peer answers,
    /// a burst when it doesn't. The kernel itself would give up after 127 probes, later than the deadline.
    #[must_use]
    pub fn options(&self, kernel: &Kernel) -> SocketOptions {
        let seconds = self.within.as_secs().max(2);
        let idle = (seconds / 2).min(seconds.saturating_sub(PROBING_S)).max(1);
        let count = u64::from(MAX_KEEPCNT);
        let interval = (seconds + 1).div_ceil(count);
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
            rto_max_ms: kernel.rto_max_option.then_some(MIN_RTO_MAX_MS),
            syncnt: None,
        }
    }

    /// How long the silence must be: the deadline but for the time that one more probe and the next look take.
    pub(super) fn patience(&self) -> Duration {
        let margin = (self.within / 20).min(Duration::from_secs(1));
        self.within - margin
    }

    /// How many questions are asked in the time that one false alarm is allowed in, at one a second: no
    /// connection asks more often for long.
    pub(super) fn questions(&self) -> f64 {
        self.false_alarm_every.as_secs_f64().max(1.0)
    }

    pub(super) fn preference(&self) -> Preference {
        self.preference
    }
}
