//! Moments as captures know them, nanoseconds since 1970, and lengths of time between them.

use std::num::NonZeroU64;
use std::time::Duration;

/// A moment of the clock that stamped the capture, in nanoseconds since 1970 (UTC), up to the
/// year 2554.
///
/// `Option<Moment>` takes 8 bytes: the nanosecond at which 1970 began reads as the one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(NonZeroU64);

impl Moment {
    /// The first moment there is.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// So many nanoseconds after 1970 began.
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }

    /// Nanoseconds since 1970 began.
    #[must_use]
    pub fn nanos(self) -> u64 {
        self.0.get()
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos().saturating_sub(earlier.nanos()))
    }

    /// The moment `duration` later, or the last there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// A length of time up to 584 years, in 8 bytes where `Duration` takes 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_never_overflow() {
        let last = Moment::from_nanos(u64::MAX);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(Moment::FIRST.since(last), Duration::ZERO);
        assert_eq!(size_of::<Option<Moment>>(), 8);
        let at = Moment::from_nanos(5).plus(Duration::from_nanos(7));
        assert_eq!(at.since(Moment::from_nanos(5)), Duration::from_nanos(7));
    }
}
