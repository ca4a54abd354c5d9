//! Chen's estimator.

use std::time::Duration;

use super::Detector;
use super::window::Window;

/// Samples that are kept, unless set. Chen's paper simulates with 32; a thousand take minutes to
/// follow a path that changed.
const SAMPLES: usize = 32;
/// A beat that comes this many intervals after it was expected was not delayed: its sender paused.
const PAUSE: f64 = 1.0;

/// Estimates when the next heartbeat is due from when the last ones came, and convicts a safety
/// margin later (NFD-E of Chen, Toueg, Aguilera, 2002, section 6.3).
///
/// It assumes a sender that sends beat n at n times the interval. One that paused sends all later
/// beats later, so after a pause the estimate begins anew instead of convicting beat after beat.
///
/// Suspicion is how much of the margin has passed since the beat was due: 1 convicts.
#[derive(Debug, Clone)]
pub(crate) struct Chen {
    interval: Duration,
    margin: Duration,
    /// Arrival times less the beat's number times the interval, and less the first of them.
    shifts: Window,
    origin: i128,
    beat: u64,
    heard: Option<Duration>,
}

impl Chen {
    /// A detector of heartbeats that are sent every `interval`, which convicts `margin` after the
    /// next was due.
    #[must_use]
    pub(crate) fn new(interval: Duration, margin: Duration) -> Self {
        Self {
            interval,
            margin,
            shifts: Window::new(SAMPLES),
            origin: 0,
            beat: 0,
            heard: None,
        }
    }

    /// How many arrivals the estimate rests on.
    #[must_use]
    pub(crate) fn samples(self, samples: usize) -> Self {
        Self {
            shifts: Window::new(samples),
            ..self
        }
    }

    /// When the beat after the last is due: its mean arrival time.
    #[must_use]
    pub(crate) fn expected_at(&self) -> Option<Duration> {
        self.heard?;
        let due = self.scheduled(self.beat + 1) + self.origin + self.shifts.mean()? as i128;
        Some(Duration::from_nanos(
            u64::try_from(due.max(0)).unwrap_or(u64::MAX),
        ))
    }

    fn scheduled(&self, beat: u64) -> i128 {
        let interval = i128::try_from(self.interval.as_nanos()).unwrap_or(i128::MAX >> 64);
        i128::from(beat).saturating_mul(interval)
    }

    fn begin_at(&mut self, shift: i128) {
        self.shifts.clear();
        self.origin = shift;
        self.shifts.push(0);
    }

    fn paused(&self, shift: i128) -> bool {
        let usual = self.shifts.mean().unwrap_or(0.0);
        let late = (shift - self.origin) as f64 - usual;
        late > PAUSE * self.interval.as_nanos() as f64
    }
}

impl Detector for Chen {
    fn heard(&mut self, beat: u64, now: Duration) {
        if beat <= self.beat {
            return;
        }
        let shift = now.as_nanos() as i128 - self.scheduled(beat);
        if self.heard.is_none() || self.paused(shift) {
            self.begin_at(shift);
        } else {
            let late = (shift - self.origin).clamp(i64::MIN.into(), i64::MAX.into());
            self.shifts.push(late as i64);
        }
        self.beat = beat;
        self.heard = Some(now);
    }

    fn resume(&mut self, now: Duration) {
        if self.heard.is_some() {
            self.heard = Some(now);
            self.begin_at(now.as_nanos() as i128 - self.scheduled(self.beat));
        }
    }

    fn suspicion(&self, now: Duration) -> f64 {
        let late = self.expected_at().map(|due| now.saturating_sub(due));
        late.map_or(0.0, |late| {
            late.as_secs_f64() / self.margin.as_secs_f64().max(f64::MIN_POSITIVE)
        })
    }

    fn convicts_at(&self) -> Option<Duration> {
        Some(self.expected_at()?.saturating_add(self.margin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn regular(beats: u64) -> Chen {
        let mut detector = Chen::new(ms(100), ms(50));
        (1..=beats).for_each(|beat| detector.heard(beat, ms(beat * 100 + 7)));
        detector
    }

    #[test]
    fn the_next_beat_is_due_at_its_mean_arrival() {
        let mut detector = regular(10);
        assert_eq!(detector.expected_at(), Some(ms(1_107)));
        assert_eq!(detector.convicts_at(), Some(ms(1_157)));
        assert!((detector.suspicion(ms(1_132)) - 0.5).abs() < 1e-9);
        // One late beat moves the mean of eleven by its share.
        detector.heard(11, ms(1_107 + 22));
        assert_eq!(detector.expected_at(), Some(ms(1_207 + 2)));
    }

    /// Without beginning anew, the estimate would lag behind for as many beats as it has samples.
    #[test]
    fn after_a_pause_of_the_sender_the_next_beats_are_not_suspected() {
        let mut detector = regular(1_000);
        let pause = 1_300;
        for beat in 1_001..1_100 {
            let now = ms(beat * 100 + 7 + pause);
            let was_convicted = detector.convicts_at().is_some_and(|at| at < now);
            assert_eq!(was_convicted, beat == 1_001, "beat {beat}");
            detector.heard(beat, now);
        }
    }

    #[test]
    fn lost_beats_do_not_move_the_estimate() {
        let mut detector = regular(10);
        detector.heard(15, ms(1_507));
        assert_eq!(detector.expected_at(), Some(ms(1_607)));
        detector.heard(12, ms(1_520));
        assert_eq!(detector.expected_at(), Some(ms(1_607)), "an old beat");
        detector.resume(ms(9_000));
        assert_eq!(detector.expected_at(), Some(ms(9_100)));
    }
}
