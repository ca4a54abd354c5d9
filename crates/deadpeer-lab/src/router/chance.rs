//! Randomness that a seed repeats.

use std::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A stream of random numbers of one rule, so that rules do not disturb each other's.
#[derive(Debug, Clone)]
pub(super) struct Chance(Pcg64Mcg);

impl Chance {
    /// The stream of a rule: the same for the same wire's seed and the same number of the rule.
    pub(super) fn of(seed: u64, rule: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(
            seed ^ rule.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))
    }

    /// The stream of one direction of a flow under a rule.
    pub(super) fn of_flow(seed: u64, rule: u64, (from, to): (u16, u16)) -> Self {
        let flow = u64::from(from) << 16 | u64::from(to);
        Self::of(seed ^ (flow + 1).wrapping_mul(0xd1b5_4a32_d192_ed03), rule)
    }

    /// True with this probability; always for `None` and from 1 on, never at 0 or below or for what
    /// is no number.
    pub(super) fn hits(&mut self, probability: Option<f64>) -> bool {
        probability.is_none_or(|probability| self.fraction() < probability)
    }

    /// A time from nothing to `most`, evenly spread.
    pub(super) fn part_of(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.fraction())
    }

    /// A number below `limit`, which must not be 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        // The multiplication keeps the result below the limit; its bias is limit / 2^64.
        let wide = u128::from(self.0.next_u64()) * u128::from(limit);
        (wide >> 64) as u64
    }

    /// At least 0 and below 1, of 53 random bits.
    fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
