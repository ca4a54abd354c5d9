//! What a detector is worth: its quality of service.

use std::time::Duration;

use super::Detector;

/// The quality of service of a detector on a live sender (Chen, Toueg, Aguilera, 2002, section 2).
/// Detection time, which needs a sender that dies, is what [`Measured::detection_time`] bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Quality {
    /// How long the sender was watched.
    pub(crate) watched: Duration,
    /// How often it was convicted wrongly.
    pub(crate) mistakes: u64,
    /// How long it was taken for dead in all.
    pub(crate) mistaken: Duration,
}

impl Quality {
    /// T_MR, mistake recurrence time: from one mistake to the next, in the mean. `None`: none was
    /// made.
    #[must_use]
    pub(crate) fn mistake_recurrence(&self) -> Option<Duration> {
        self.per_mistake(self.watched)
    }

    /// T_M, mistake duration: how long a mistake lasts, in the mean. `None`: none was made.
    #[must_use]
    pub(crate) fn mistake_duration(&self) -> Option<Duration> {
        self.per_mistake(self.mistaken)
    }

    /// P_A, query accuracy: the chance that a question at a random time is answered right. `None`:
    /// nothing was watched.
    #[must_use]
    pub(crate) fn query_accuracy(&self) -> Option<f64> {
        (!self.watched.is_zero())
            .then(|| 1.0 - self.mistaken.as_secs_f64() / self.watched.as_secs_f64())
    }

    fn per_mistake(&self, time: Duration) -> Option<Duration> {
        (self.mistakes > 0).then(|| time.div_f64(self.mistakes as f64))
    }
}

/// A detector that keeps its own record: whoever is heard after a conviction was convicted wrongly.
#[derive(Debug, Clone)]
pub(crate) struct Measured<D> {
    detector: D,
    quality: Quality,
    began: Option<Duration>,
    beat: u64,
}

impl<D: Detector> Measured<D> {
    /// Measures from the first beat on that lets the detector judge.
    #[must_use]
    pub(crate) fn new(detector: D) -> Self {
        Self {
            detector,
            quality: Quality::default(),
            began: None,
            beat: 0,
        }
    }

    /// The record up to the last beat.
    #[must_use]
    pub(crate) fn quality(&self) -> Quality {
        self.quality
    }

    /// The detector.
    #[must_use]
    pub(crate) fn detector(&self) -> &D {
        &self.detector
    }

    /// T_D, detection time, of a sender that died right after it had sent its last beat at `sent`.
    #[must_use]
    pub(crate) fn detection_time(&self, sent: Duration) -> Option<Duration> {
        Some(self.detector.convicts_at()?.saturating_sub(sent))
    }
}

impl<D: Detector> Detector for Measured<D> {
    fn heard(&mut self, beat: u64, now: Duration) {
        let before = self.detector.convicts_at();
        self.detector.heard(beat, now);
        if beat <= self.beat {
            return;
        }
        self.beat = beat;
        let Some(convicts_at) = before else {
            self.began = Some(now);
            return;
        };
        let began = *self.began.get_or_insert(now);
        // A beat may come so late that the next one is already overdue: then the mistake goes on.
        let goes_on = self.detector.convicts_at().is_some_and(|next| next <= now);
        let mistaken = now.saturating_sub(convicts_at.max(began + self.quality.watched));
        self.quality.mistaken += mistaken;
        self.quality.watched = now.saturating_sub(began);
        self.quality.mistakes += u64::from(!mistaken.is_zero() && !goes_on);
    }

    /// The time since the last beat is not part of the record.
    fn resume(&mut self, now: Duration) {
        self.detector.resume(now);
        self.began = self.began.map(|_| now.saturating_sub(self.quality.watched));
    }

    fn suspicion(&self, now: Duration) -> f64 {
        self.detector.suspicion(now)
    }

    fn convicts_at(&self) -> Option<Duration> {
        self.detector.convicts_at()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fixed;
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn mistakes_are_counted_and_timed() {
        let mut detector = Measured::new(Fixed::new(at(3)));
        for (beat, now) in [(1, 10), (2, 12), (3, 17), (4, 18), (5, 28), (6, 30)] {
            detector.heard(beat, at(now));
        }
        let quality = detector.quality();
        // Convicted at 15 until 17 and at 21 until 28, of twenty seconds.
        assert_eq!((quality.watched, quality.mistakes), (at(20), 2));
        assert_eq!(quality.mistaken, at(9));
        assert_eq!(quality.mistake_recurrence(), Some(at(10)));
        assert_eq!(
            quality.mistake_duration(),
            Some(Duration::from_millis(4_500))
        );
        assert!((quality.query_accuracy().unwrap() - 0.55).abs() < 1e-12);
        assert_eq!(detector.detection_time(at(29)), Some(at(4)));
    }

    #[test]
    fn no_mistake_has_no_recurrence() {
        let mut detector = Measured::new(Fixed::new(at(3)));
        assert_eq!(detector.quality().query_accuracy(), None);
        (1..10).for_each(|beat| detector.heard(beat, at(beat)));
        assert_eq!(detector.quality().mistake_recurrence(), None);
        assert_eq!(detector.quality().query_accuracy(), Some(1.0));
    }

    #[test]
    fn a_resumption_is_no_mistake() {
        let mut detector = Measured::new(Fixed::new(at(3)));
        (1..10).for_each(|beat| detector.heard(beat, at(beat)));
        detector.resume(at(1_000));
        (10..20).for_each(|beat| detector.heard(beat, at(991 + beat)));
        assert_eq!(detector.quality().mistakes, 0);
        assert_eq!(detector.quality().watched, at(18));
    }
}
