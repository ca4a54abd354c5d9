//! A moment in little room: there is a judge for every connection of a machine.

use std::num::NonZeroU32;
use std::time::Duration;

/// A reading of a clock to the millisecond, of which the lower half is kept: what lies 49 days back
/// seems to be just now. `None` of it takes no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Moment(
    /// Counted down, so that none is 0 soon after the clock has started.
    NonZeroU32,
);

impl Moment {
    pub(super) fn at(time: Duration) -> Self {
        Self::of_ms(time.as_millis() as u32)
    }

    /// So long before.
    pub(super) fn before(self, by: Duration) -> Self {
        Self::of_ms((!self.0.get()).wrapping_sub(by.as_millis() as u32))
    }

    /// How long ago it was at a time.
    pub(super) fn ago(self, now: Duration) -> Duration {
        Duration::from_millis(self.ms_until(now).into())
    }

    /// Whether it comes after a time that is near.
    pub(super) fn is_after(self, time: Duration) -> bool {
        self.ms_until(time).cast_signed() < 0
    }

    fn of_ms(ms: u32) -> Self {
        Self(NonZeroU32::new(!ms).unwrap_or(NonZeroU32::MIN))
    }

    fn ms_until(self, time: Duration) -> u32 {
        self.0.get().wrapping_sub(Self::at(time).0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_half_is_enough_for_what_is_near() {
        let ms = Duration::from_millis;
        for now in [0, 1, 7, u64::from(u32::MAX), 1 << 32, 1 << 40].map(ms) {
            assert_eq!(Moment::at(now).ago(now), Duration::ZERO);
            assert!(!Moment::at(now).is_after(now) && Moment::at(now + ms(9)).is_after(now));
            let later = now + ms(90_000);
            assert!(Moment::at(now).ago(later).abs_diff(ms(90_000)) <= ms(1));
            let earlier = Moment::at(later).before(ms(80_000)).ago(later);
            assert!(earlier.abs_diff(ms(80_000)) <= ms(1));
        }
        assert_eq!(size_of::<Option<Moment>>(), 4);
    }
}
