//! The simulator against a closed form: NFD-S, whose quality of service is known exactly (Chen,
//! Toueg, Aguilera, 2002, theorem 5).

use std::time::Duration;

use crate::detector::{Detector, Measured};

use crate::path::{Jitter, Loss, Path, Transport};

/// NFD-S: with synchronized clocks, beat n is late when it has not come by n intervals plus
/// `shift`.
struct Synchronized {
    interval: Duration,
    shift: Duration,
    beat: u64,
}

impl Detector for Synchronized {
    fn heard(&mut self, beat: u64, _: Duration) {
        self.beat = self.beat.max(beat);
    }

    fn resume(&mut self, _: Duration) {}

    fn suspicion(&self, now: Duration) -> f64 {
        f64::from(u8::from(self.convicts_at() <= Some(now)))
    }

    fn convicts_at(&self) -> Option<Duration> {
        (self.beat > 0).then(|| self.interval * (self.beat + 1) as u32 + self.shift)
    }
}

/// E(T_MR), E(T_M) and P_A for delays that are exponential with this mean, all in intervals.
fn closed_form(shift: f64, loss: f64, mean_delay: f64) -> (f64, f64, f64) {
    let later_than = |x: f64| {
        if x <= 0.0 {
            1.0
        } else {
            (-x / mean_delay).exp()
        }
    };
    let k = shift.ceil() as i32;
    // The chance that beat i + j has not come x after the freshness point i.
    let missing = |j: i32, x: f64| loss + (1.0 - loss) * later_than(shift + x - f64::from(j));
    let suspects = |x: f64| (0..=k).map(|j| missing(j, x)).product::<f64>();
    let came_before = (1.0 - loss) * (1.0 - later_than(shift + 1.0));
    let begins = came_before * suspects(0.0);
    let steps = 100_000;
    let middle = |step: i32| (f64::from(step) + 0.5) / f64::from(steps);
    let integral = (0..steps).map(|step| suspects(middle(step))).sum::<f64>() / f64::from(steps);
    (1.0 / begins, integral / begins, 1.0 - integral)
}

#[test]
fn the_simulator_reproduces_it() {
    let interval = Duration::from_secs(1);
    for (shift, loss, mean_delay) in [
        (0.25, 0.1, 0.02),
        (0.5, 0.05, 0.3),
        (1.0, 0.1, 0.2),
        (1.5, 0.2, 0.5),
        (2.25, 0.3, 0.1),
    ] {
        let path = Path {
            interval,
            delay: Duration::ZERO,
            jitter: Jitter::Exponential(interval.mul_f64(mean_delay)),
            loss: Loss::Random(loss),
            transport: Transport::Datagrams,
            pauses: None,
        };
        let mut beats = path.beats(1_000_000, 3);
        beats.retain(|beat| beat.arrived.is_some());
        beats.sort_by_key(|beat| beat.arrived);
        let mut detector = Measured::new(Synchronized {
            interval,
            shift: interval.mul_f64(shift),
            beat: 0,
        });
        for beat in &beats {
            detector.heard(beat.number, beat.arrived.expect("it was not lost"));
        }
        let quality = detector.quality();
        let is = (
            quality.mistake_recurrence().expect("it errs").as_secs_f64(),
            quality.mistake_duration().expect("it errs").as_secs_f64(),
            quality.query_accuracy().expect("it was watched"),
        );
        let should = closed_form(shift, loss, mean_delay);
        let within = |share: f64, is: f64, should: f64| (is / should - 1.0).abs() < share;
        let case = format!("{shift}, {loss}, {mean_delay}: {is:?}, not {should:?}");
        assert!(within(0.02, is.0, should.0), "T_MR at {case}");
        assert!(within(0.02, is.1, should.1), "T_M at {case}");
        assert!(within(0.02, 1.0 - is.2, 1.0 - should.2), "P_A at {case}");
        // And no death takes longer to notice than an interval and the shift.
        let last = beats.iter().max_by_key(|beat| beat.number).expect("beats");
        let noticed = detector.detection_time(last.sent).expect("it judges");
        assert!(noticed <= interval + interval.mul_f64(shift));
    }
}
