//! The unit of a pcapng interface's clock (`if_tsresol`, `if_tsoffset`).

use crate::Moment;

/// What a tick of an interface's clock is, and when it began to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolution {
    unit: Unit,
    /// Seconds to add.
    pub(super) offset_s: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// 10^-n seconds.
    Decimal(u8),
    /// 2^-n seconds.
    Binary(u8),
}

impl Default for Resolution {
    /// Microseconds since 1970.
    fn default() -> Self {
        Self {
            unit: Unit::Decimal(6),
            offset_s: 0,
        }
    }
}

impl Resolution {
    /// The value of `if_tsresol`: the highest bit chooses between powers of ten and of two.
    pub(super) fn set_unit(&mut self, value: u8) {
        self.unit = match value & 0x80 {
            0 => Unit::Decimal(value),
            _ => Unit::Binary(value & 0x7f),
        };
    }

    /// The moment at which the clock showed `ticks`.
    pub(super) fn moment(self, ticks: u64) -> Moment {
        let nanos = match self.unit {
            Unit::Decimal(6) => u128::from(ticks) * 1_000,
            Unit::Decimal(n @ 0..=9) => u128::from(ticks) * 10_u128.pow(u32::from(9 - n)),
            Unit::Decimal(n) => 10_u128
                .checked_pow(u32::from(n - 9))
                .map_or(0, |unit| u128::from(ticks) / unit),
            Unit::Binary(n) => (u128::from(ticks) * 1_000_000_000) >> n,
        };
        let offset = i128::from(self.offset_s) * 1_000_000_000;
        let nanos = i128::try_from(nanos).map_or(i128::MAX, |nanos| nanos.saturating_add(offset));
        Moment::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(unit: u8, offset_s: i64, ticks: u64) -> u64 {
        let mut resolution = Resolution::default();
        resolution.set_unit(unit);
        resolution.offset_s = offset_s;
        resolution.moment(ticks).nanos()
    }

    #[test]
    fn every_unit_becomes_nanoseconds() {
        assert_eq!(
            Resolution::default().moment(1_500_000).nanos(),
            1_500_000_000
        );
        assert_eq!(nanos(9, 0, 42), 42);
        assert_eq!(nanos(3, 0, 42), 42_000_000);
        assert_eq!(nanos(0, 0, 7), 7_000_000_000);
        assert_eq!(nanos(12, 0, 42_999), 42);
        assert_eq!(nanos(0x80 | 10, 0, 1024 + 512), 1_500_000_000);
        assert_eq!(nanos(0x80, 0, 3), 3_000_000_000);
        assert_eq!(nanos(6, 10, 5), 10_000_005_000);
        assert_eq!(nanos(6, -1, 1_500_000), 500_000_000);
    }

    #[test]
    fn hostile_values_stay_within_time() {
        for unit in 0..=255 {
            for offset in [i64::MIN, -1, 0, i64::MAX] {
                for ticks in [0, 1, u64::MAX] {
                    assert!(nanos(unit, offset, ticks) >= 1);
                }
            }
        }
        assert_eq!(nanos(0, i64::MAX, u64::MAX), u64::MAX);
    }
}
