//! What DESIGN.md says of detectors, at equal detection time.

use std::time::Duration;

use crate::path::{Beat, Jitter, Loss, Path, Transport, recorded};
use crate::race::{RUNNERS, Runner};

const INTERVAL: Duration = Duration::from_secs(1);

/// 5 % loss and 300 ms of jitter under TCP.
fn lossy() -> Vec<Beat> {
    let path = Path {
        interval: INTERVAL,
        delay: Duration::from_millis(20),
        jitter: Jitter::Uniform(Duration::from_millis(300)),
        loss: Loss::Random(0.05),
        transport: Transport::Stream {
            longest_timeout: Duration::from_secs(120),
        },
        pauses: None,
    };
    path.beats(100_000, 5)
}

fn mistakes(runner: Runner, beats: &[Beat], interval: Duration, detection: Duration) -> u64 {
    let result = runner.run(beats, interval, detection);
    let result = result.unwrap_or_else(|| panic!("{} is too slow", runner.name()));
    let error = result.detection.abs_diff(detection);
    assert!(error < interval / 50, "{}: {result:?}", runner.name());
    result.quality.mistakes
}

/// Learning how arrivals scatter gains nothing over a fixed timeout where what hurts is rare.
#[test]
fn no_detector_is_much_better_than_a_fixed_timeout() {
    let beats = lossy();
    for intervals in [3, 5] {
        let of = |runner| mistakes(runner, &beats, INTERVAL, INTERVAL * intervals);
        let fixed = of(Runner::Fixed);
        assert!(fixed > 0 || intervals > 3, "the path must hurt");
        for runner in RUNNERS {
            let errs = of(runner);
            assert!(
                2 * errs + 2 >= fixed,
                "{}: {errs}, fixed {fixed}",
                runner.name()
            );
        }
    }
}

#[test]
fn phi_without_a_floor_errs_on_what_a_fixed_timeout_does_not_notice() {
    let beats = recorded(include_str!("../fixtures/heartbeats/busy.csv"));
    let interval = Duration::from_millis(100);
    let of = |runner| mistakes(runner, &beats, interval, interval * 3);
    assert_eq!(
        (of(Runner::Fixed), of(Runner::Phi), of(Runner::Chen)),
        (0, 0, 0)
    );
    assert!(of(Runner::PhiWithoutFloor) > 0);
}

/// A kernel's own retransmissions: half a second of silence is ordinary at 5 % loss, a second is
/// not.
#[test]
fn on_recorded_loss_a_second_is_enough_and_a_fifth_is_not() {
    let beats = recorded(include_str!("../fixtures/heartbeats/lossy.csv"));
    let interval = Duration::from_millis(100);
    for runner in [Runner::Fixed, Runner::Phi, Runner::Chen] {
        assert!(mistakes(runner, &beats, interval, interval * 2) > 0);
        assert_eq!(mistakes(runner, &beats, interval, interval * 10), 0);
    }
}
