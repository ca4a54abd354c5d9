//! How arrivals may scatter: the chance that a heartbeat comes later than it did not yet.

use std::f64::consts::{LN_2, LN_10, PI, SQRT_2};

/// The distribution that an accrual detector fits to the times between arrivals. It decides what a
/// phi *means*: each is -log10 of a probability under the distribution that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub(crate) enum Distribution {
    /// The normal distribution, exactly (Hayashibara, Défago, Yared, Katayama: The phi accrual
    /// failure detector, SRDS 2004).
    #[default]
    Normal,
    /// A logistic stand-in for the normal distribution, as Akka computes it. Its tail is thinner:
    /// six deviations give 10.8 where the normal distribution gives 9.0.
    Logistic,
    /// The exponential distribution, which has no deviation of its own: Cassandra's.
    Exponential,
}

impl Distribution {
    /// Phi: -log10 of the chance to be later than `z` deviations after the mean. Sound in the far
    /// tail, where the chance itself is no longer a number.
    ///
    /// The exponential distribution's deviation is its mean, so there `z` is -1 when the wait
    /// begins.
    #[must_use]
    pub(crate) fn phi(self, z: f64) -> f64 {
        let ln = match self {
            Self::Normal => ln_normal_tail(z),
            Self::Logistic => -ln_1p_exp(z * (1.5976 + 0.070_566 * z * z)),
            Self::Exponential => -(z + 1.0).max(0.0),
        };
        // A chance of one is no suspicion, and not a negative zero.
        (-ln / LN_10).max(0.0)
    }

    /// The deviations after the mean at which phi reaches `threshold`.
    #[must_use]
    pub(crate) fn deviations(self, threshold: f64) -> f64 {
        let (mut low, mut high) = (-40.0, 1.0);
        while self.phi(high) < threshold && high < 1e9 {
            high *= 2.0;
        }
        // Phi grows with z everywhere. Each step halves what is left: to the last bit.
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if self.phi(middle) < threshold {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

/// ln of the chance that a standard normal variable exceeds `z`.
fn ln_normal_tail(z: f64) -> f64 {
    if z < 30.0 {
        return (0.5 * libm::erfc(z / SQRT_2)).ln();
    }
    // Mills' ratio (Abramowitz and Stegun, 26.2.12). At 30 the next term is below 1e-9.
    let inverse = 1.0 / (z * z);
    let series = -inverse + 3.0 * inverse.powi(2) - 15.0 * inverse.powi(3);
    -0.5 * z * z - z.ln() - 0.5 * (LN_2 + PI.ln()) + series.ln_1p()
}

/// ln(1 + e^w) without overflow.
fn ln_1p_exp(w: f64) -> f64 {
    w.max(0.0) + (-w.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Distribution; 3] = [
        Distribution::Normal,
        Distribution::Logistic,
        Distribution::Exponential,
    ];

    /// Of the standard normal distribution, -log10 of the upper tail. Computed with 60 digits.
    #[test]
    fn the_normal_tail_is_exact_far_out() {
        let rows = [
            (0.0, std::f64::consts::LOG10_2),
            (2.0, 1.643_016_080_140_937),
            (6.0, 9.005_864_327_476_704),
            (29.9, 196.007_050_437_243_34),
            (30.1, 198.615_706_237_252_47),
            (37.0, 299.242_181_178_609_2),
            (40.0, 349.437_006_459_345_84),
            (1_000.0, 217_150.640_041_994_4),
        ];
        for (z, phi) in rows {
            let is = Distribution::Normal.phi(z);
            assert!(
                (is - phi).abs() < 1e-9 * phi.max(1.0),
                "{z}: {is}, not {phi}"
            );
        }
    }

    #[test]
    fn phi_grows_everywhere_and_its_inverse_takes_it_back() {
        for distribution in ALL {
            let mut before: f64 = 0.0;
            for step in -60_i32..2_000 {
                let phi = distribution.phi(f64::from(step) / 10.0);
                assert!(phi.is_finite() && phi >= before, "{distribution:?}, {step}");
                before = phi;
            }
            for threshold in [0.5, 1.0, 8.0, 16.0, 300.0, 5_000.0] {
                let back = distribution.phi(distribution.deviations(threshold));
                assert!(
                    (back - threshold).abs() < 1e-9 * threshold,
                    "{distribution:?}"
                );
            }
        }
    }
}
