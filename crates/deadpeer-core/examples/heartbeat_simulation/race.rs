//! Detectors on the same beats, tuned to take equally long to notice a death.

use std::time::Duration;

use crate::detector::{Chen, Detector, Distribution, Fixed, Measured, PhiAccrual, Quality};

use crate::path::Beat;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Fixed,
    /// With a least deviation of a tenth of the interval.
    Phi,
    /// Without one.
    PhiWithoutFloor,
    /// As Cassandra has it.
    PhiExponential,
    Chen,
}

pub(crate) const RUNNERS: [Runner; 5] = [
    Runner::Fixed,
    Runner::Phi,
    Runner::PhiWithoutFloor,
    Runner::PhiExponential,
    Runner::Chen,
];

/// How one did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Result {
    /// T_D for a death at a random time, in the mean.
    pub(crate) detection: Duration,
    /// T_D for a death right after a beat was sent, at the worst.
    pub(crate) worst: Duration,
    pub(crate) quality: Quality,
}

impl Runner {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed timeout",
            Self::Phi => "phi, normal",
            Self::PhiWithoutFloor => "phi, normal, no floor",
            Self::PhiExponential => "phi, exponential",
            Self::Chen => "Chen",
        }
    }

    /// The detector with one knob: seconds, or deviations after the mean. Detection time grows in
    /// proportion to it.
    fn detector(self, interval: Duration, knob: f64) -> Box<dyn Detector> {
        let seconds = Duration::from_secs_f64(knob.max(0.0));
        let phi = |distribution: Distribution| {
            PhiAccrual::new(1.0)
                .distribution(distribution)
                .threshold(distribution.phi(knob))
        };
        match self {
            Self::Fixed => Box::new(Fixed::new(seconds)),
            Self::Phi => Box::new(phi(Distribution::Normal).least_deviation(interval / 10)),
            Self::PhiWithoutFloor => {
                Box::new(phi(Distribution::Normal).least_deviation(Duration::ZERO))
            }
            Self::PhiExponential => Box::new(phi(Distribution::Exponential)),
            Self::Chen => Box::new(Chen::new(interval, seconds)),
        }
    }

    /// Runs it so that a death takes `detection` to notice, in the mean. `None`: it cannot be so
    /// quick.
    pub(crate) fn run(
        self,
        beats: &[Beat],
        interval: Duration,
        detection: Duration,
    ) -> Option<Result> {
        // Two runs give the line, a third the result.
        let at = |knob| run(self.detector(interval, knob), beats, interval);
        let (low, high) = (at(1.0), at(3.0));
        let slope = (high.detection.as_secs_f64() - low.detection.as_secs_f64()) / 2.0;
        let knob = 1.0 + (detection.as_secs_f64() - low.detection.as_secs_f64()) / slope;
        let least = if self == Self::PhiExponential {
            -1.0
        } else {
            0.0
        };
        (slope > 0.0 && knob > least).then(|| at(knob))
    }
}

fn run(detector: Box<dyn Detector>, beats: &[Beat], interval: Duration) -> Result {
    let mut detector = Measured::new(detector);
    let mut order: Vec<&Beat> = beats.iter().collect();
    order.sort_by_key(|beat| beat.arrived.unwrap_or(beat.sent));
    let mut total = 0.0;
    let mut deaths = 0_u32;
    let mut worst = Duration::ZERO;
    for beat in order {
        if let Some(arrived) = beat.arrived {
            detector.heard(beat.number, arrived);
        }
        // It dies before it sends the next one.
        if let Some(after) = detector.detection_time(beat.sent) {
            total += after.as_secs_f64() - interval.as_secs_f64() / 2.0;
            worst = worst.max(after);
            deaths += 1;
        }
    }
    Result {
        detection: Duration::from_secs_f64((total / f64::from(deaths.max(1))).max(0.0)),
        worst,
        quality: detector.quality(),
    }
}
