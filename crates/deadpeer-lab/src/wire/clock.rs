//! The wire's time: since its start, by the monotonic clock.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Both clocks read at the same moment, to bring the kernel's timestamps into the wire's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since the start of the wire.
    pub(super) now: Duration,
    /// Since 1970.
    pub(super) real: Duration,
}

/// The longest that a frame lies in a ring before it is read, unless somebody set the clock
/// meanwhile.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// When the wire was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start(Duration);

impl Start {
    pub(super) fn now() -> Self {
        Self(read(ClockId::Monotonic))
    }

    pub(super) fn moment(self) -> Moment {
        Moment {
            now: read(ClockId::Monotonic).saturating_sub(self.0),
            real: read(ClockId::Realtime),
        }
    }
}

impl Moment {
    /// When a frame arrived that the kernel stamped by the real-time clock. Never later than this
    /// moment, and at most half a second before: a step of the real-time clock does not reach the
    /// delays.
    pub(super) fn of_arrival(&self, stamp: Duration) -> Duration {
        let waited = self.real.saturating_sub(stamp).min(LONGEST_WAIT);
        self.now.saturating_sub(waited)
    }
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    // Neither clock is ever before its zero on a running machine.
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_lie_in_the_recent_past_whatever_the_clock_does() {
        let s = Duration::from_secs;
        let ms = Duration::from_millis;
        let moment = Moment {
            now: s(100),
            real: s(1_700_000_000),
        };
        assert_eq!(moment.of_arrival(moment.real - ms(3)), s(100) - ms(3));
        assert_eq!(moment.of_arrival(moment.real + s(3600)), s(100));
        assert_eq!(moment.of_arrival(moment.real - s(3600)), s(100) - ms(500));
    }
}
