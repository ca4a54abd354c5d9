//! Time in ticks, of which a timer keeps the low 32 bits.

use std::time::Duration;

/// The furthest that a tick may lie ahead of another and still be called later.
pub(crate) const REACH: u32 = i32::MAX as u32;

/// A resolution: a power of two of nanoseconds, so that a tick is a shift.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    shift: u32,
}

impl Ticks {
    pub(crate) fn new(resolution: Duration) -> Self {
        let nanos = u64::try_from(resolution.as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        Self {
            // Room for the reach, 2^31 ticks.
            shift: nanos.ilog2().min(32),
        }
    }

    /// The tick that `time` lies in.
    #[inline]
    pub(crate) fn of(self, time: Duration) -> u64 {
        let nanos = time.as_secs().saturating_mul(1_000_000_000);
        nanos.saturating_add(u64::from(time.subsec_nanos())) >> self.shift
    }

    /// When a tick begins.
    pub(crate) fn begin(self, tick: u64) -> Duration {
        Duration::from_nanos(tick.saturating_mul(1 << self.shift))
    }

    /// Ticks in a time, rounded up.
    pub(crate) fn spanning(self, time: Duration) -> u32 {
        let up = time.saturating_add(Duration::from_nanos((1 << self.shift) - 1));
        u32::try_from(self.of(up)).unwrap_or(REACH).min(REACH)
    }
}

/// Whether a tick comes after another, both by their low bits and no more than [`REACH`] apart.
#[inline]
pub(crate) fn is_after(tick: u32, other: u32) -> bool {
    tick.wrapping_sub(other).wrapping_sub(1) < REACH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_a_power_of_two_of_nanoseconds() {
        let ticks = Ticks::new(Duration::from_millis(10));
        let length = Duration::from_nanos(8_388_608);
        assert_eq!(ticks.begin(1), length);
        assert_eq!(ticks.of(length - Duration::from_nanos(1)), 0);
        assert_eq!(ticks.of(length), 1);
        assert_eq!(ticks.spanning(length), 1);
        assert_eq!(ticks.spanning(length + Duration::from_nanos(1)), 2);
        assert_eq!(ticks.spanning(Duration::MAX), REACH);
        assert_eq!(Ticks::new(Duration::ZERO).begin(7), Duration::from_nanos(7));
    }

    #[test]
    fn ticks_are_compared_across_the_end_of_32_bits() {
        for base in [0_u32, 5, u32::MAX, u32::MAX - 3] {
            assert!(!is_after(base, base));
            assert!(is_after(base.wrapping_add(9), base) && !is_after(base, base.wrapping_add(9)));
            assert!(is_after(base.wrapping_add(REACH), base));
        }
    }
}
