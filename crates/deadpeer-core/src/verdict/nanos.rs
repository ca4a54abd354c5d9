//! A duration in half the room: there is a judge for every connection of a machine.

use std::num::NonZeroU64;
use std::time::Duration;

/// A duration of whole nanoseconds, up to 584 years; longer ones are cut to that. `None` of it
/// takes no room.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Nanos(NonZeroU64);

impl Nanos {
    pub(super) const ZERO: Self = Self(NonZeroU64::MIN);

    pub(super) fn get(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(Self::ZERO.0.saturating_add(ns))
    }
}

impl std::fmt::Debug for Nanos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_and_back() {
        assert_eq!(Nanos::ZERO, Nanos::from(Duration::ZERO));
        let odd = Duration::new(31_557_600, 123_456_789);
        for duration in [Duration::ZERO, Duration::from_nanos(1), odd] {
            assert_eq!(Nanos::from(duration).get(), duration);
        }
        assert!(Nanos::from(Duration::MAX).get() > Duration::from_secs(584 * 31_536_000));
    }
}
