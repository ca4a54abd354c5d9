//! The phi accrual detector.

use std::time::Duration;

use super::window::Window;
use super::{Detector, Distribution};

/// Samples that are kept, unless set: Akka's number.
const SAMPLES: usize = 1_000;
/// The least deviation, unless set. Without one, a quiet hour makes the detector so sure of itself
/// that the first hiccup convicts.
const LEAST_DEVIATION: Duration = Duration::from_millis(100);

/// Suspicion is phi: -log10 of the chance that a live sender's next heartbeat comes later than now,
/// if the times between arrivals scatter as they did, by the [`Distribution`] that is named.
///
/// (Hayashibara, Défago, Yared, Katayama: The phi accrual failure detector, SRDS 2004.)
#[derive(Debug, Clone)]
pub(crate) struct PhiAccrual {
    distribution: Distribution,
    /// The threshold, in deviations after the mean.
    deviations: f64,
    least_deviation: f64,
    window: Window,
    beat: u64,
    heard: Option<Duration>,
}

impl PhiAccrual {
    /// A detector that convicts when phi reaches `threshold`, with the normal distribution, 1000
    /// samples and a least deviation of 100 ms.
    #[must_use]
    pub(crate) fn new(threshold: f64) -> Self {
        Self {
            distribution: Distribution::Normal,
            deviations: Distribution::Normal.deviations(threshold),
            least_deviation: LEAST_DEVIATION.as_nanos() as f64,
            window: Window::new(SAMPLES),
            beat: 0,
            heard: None,
        }
    }

    /// Another threshold.
    #[must_use]
    pub(crate) fn threshold(self, threshold: f64) -> Self {
        Self {
            deviations: self.distribution.deviations(threshold),
            ..self
        }
    }

    /// Another distribution; the threshold stays what it was.
    #[must_use]
    pub(crate) fn distribution(self, distribution: Distribution) -> Self {
        let threshold = self.distribution.phi(self.deviations);
        Self {
            deviations: distribution.deviations(threshold),
            distribution,
            ..self
        }
    }

    /// A deviation below this is taken for it.
    #[must_use]
    pub(crate) fn least_deviation(self, least: Duration) -> Self {
        Self {
            least_deviation: least.as_nanos() as f64,
            ..self
        }
    }

    /// How many samples are kept.
    #[must_use]
    pub(crate) fn samples(self, samples: usize) -> Self {
        Self {
            window: Window::new(samples),
            ..self
        }
    }

    /// What is known before anything is heard: as if arrivals had been `interval` apart, give or
    /// take `deviation`.
    #[must_use]
    pub(crate) fn expecting(mut self, interval: Duration, deviation: Duration) -> Self {
        let ns = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4);
        self.window.push(ns(interval) - ns(deviation));
        self.window.push(ns(interval) + ns(deviation));
        self
    }

    /// Mean and deviation in nanoseconds, as they are used.
    fn fit(&self) -> Option<(f64, f64)> {
        let mean = self.window.mean()?;
        let deviation = match self.distribution {
            Distribution::Exponential => mean,
            Distribution::Normal | Distribution::Logistic => self.window.deviation()?,
        };
        Some((mean, deviation.max(self.least_deviation)))
    }
}

impl Detector for PhiAccrual {
    fn heard(&mut self, beat: u64, now: Duration) {
        if beat <= self.beat {
            return;
        }
        if let Some(before) = self.heard {
            let gap = now.saturating_sub(before).as_nanos();
            self.window.push(i64::try_from(gap).unwrap_or(i64::MAX / 4));
        }
        self.beat = beat;
        self.heard = Some(now);
    }

    fn resume(&mut self, now: Duration) {
        self.heard = self.heard.map(|_| now);
    }

    fn suspicion(&self, now: Duration) -> f64 {
        let (Some(heard), Some((mean, deviation))) = (self.heard, self.fit()) else {
            return 0.0;
        };
        let silent = now.saturating_sub(heard).as_nanos() as f64;
        self.distribution
            .phi((silent - mean) / deviation.max(f64::MIN_POSITIVE))
    }

    fn convicts_at(&self) -> Option<Duration> {
        let (mean, deviation) = self.fit()?;
        let silence = (mean + self.deviations * deviation).max(0.0);
        // A cast of floats saturates.
        Some(
            self.heard?
                .saturating_add(Duration::from_nanos(silence.ceil() as u64)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Beats 1000 ms apart with a deviation of 100 ms, heard at 0.
    fn akka(distribution: Distribution) -> PhiAccrual {
        let mut detector = PhiAccrual::new(8.0)
            .distribution(distribution)
            .least_deviation(Duration::ZERO)
            .expecting(ms(1_000), ms(100));
        detector.heard(1, ms(0));
        detector
    }

    /// The values of Akka's documentation and tests: 0.3 at 1000 ms, 1.6 at 1200 ms, 10.8 at 1600
    /// ms.
    #[test]
    fn akkas_published_values() {
        let detector = akka(Distribution::Logistic);
        for (t, phi) in [(1_000, 0.3), (1_200, 1.6), (1_600, 10.8)] {
            let is = detector.suspicion(ms(t));
            assert!((is - phi).abs() <= 0.1, "{t} ms: {is}, not {phi}");
        }
    }

    /// The distribution that those values approximate. Far out the approximation is not good.
    #[test]
    fn the_normal_distribution_agrees_where_the_tail_is_not_far() {
        let detector = akka(Distribution::Normal);
        for (t, phi) in [(1_000, 0.301), (1_200, 1.643), (1_600, 9.006)] {
            let is = detector.suspicion(ms(t));
            assert!((is - phi).abs() <= 0.001, "{t} ms: {is}, not {phi}");
        }
    }

    #[test]
    fn it_convicts_when_its_suspicion_reaches_the_threshold() {
        for distribution in [
            Distribution::Normal,
            Distribution::Logistic,
            Distribution::Exponential,
        ] {
            let detector = akka(distribution);
            let at = detector.convicts_at().unwrap();
            assert!(detector.suspicion(at) >= 8.0 - 1e-6, "{distribution:?}");
            assert!(detector.suspicion(at - ms(1)) < 8.0, "{distribution:?}");
        }
    }

    #[test]
    fn the_least_deviation_keeps_a_quiet_hour_from_convicting_a_hiccup() {
        let steady = |least| {
            let mut detector = PhiAccrual::new(8.0).least_deviation(least);
            (1..=3_600).for_each(|beat| detector.heard(beat, ms(beat * 1_000)));
            detector.convicts_at().unwrap() - ms(3_600_000)
        };
        assert!(steady(ms(0)) < ms(1_001));
        assert!(steady(ms(100)) > ms(1_500));
    }

    #[test]
    fn old_beats_and_resumption_teach_nothing() {
        let mut detector = akka(Distribution::Normal);
        let silence = detector.convicts_at().unwrap();
        detector.heard(1, ms(5_000));
        assert_eq!(detector.convicts_at(), Some(silence));
        detector.resume(ms(9_000));
        assert_eq!(detector.convicts_at(), Some(silence + ms(9_000)));
        assert_eq!(PhiAccrual::new(8.0).convicts_at(), None);
    }
}
