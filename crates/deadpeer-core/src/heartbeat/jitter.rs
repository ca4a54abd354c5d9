//! Intervals that a hundred thousand clients don't share.

use std::time::Duration;

/// A stream of factors between 75 and 100 % (RFC 5880, section 6.8.7), the same for the same seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The interval, shortened by the next factor.
    pub(super) fn shorten(&mut self, interval: Duration) -> Duration {
        self.0 = self.0.wrapping_add(1);
        interval.saturating_mul(thousandths(self.0)) / 1000
    }
}

/// The factor of a seed, 750 to 1000.
pub(super) fn thousandths(seed: u64) -> u32 {
    let random = mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32;
    750 + ((random * 251) >> 32) as u32
}

/// The finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
/// 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_three_quarters_and_all_evenly_and_again_the_same() {
        let ten = Duration::from_secs(10);
        let draws = |seed| {
            let mut jitter = Jitter::new(seed);
            std::iter::repeat_with(move || jitter.shorten(ten)).take(20_000)
        };
        let (least, most) = (draws(1).min().unwrap(), draws(1).max().unwrap());
        assert_eq!((least, most), (Duration::from_millis(7_500), ten));
        let mean = draws(1).sum::<Duration>() / 20_000;
        assert!(mean.abs_diff(Duration::from_millis(8_750)) < Duration::from_millis(20));
        assert!(draws(7).eq(draws(7)) && !draws(7).eq(draws(8)));
    }
}
