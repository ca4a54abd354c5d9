//! The paths that detectors are compared on.

use std::time::Duration;

use crate::path::{Beat, Jitter, Loss, Path, Transport, recorded};

/// Beats, and what they went through.
pub(crate) struct Course {
    pub(crate) name: &'static str,
    pub(crate) interval: Duration,
    pub(crate) beats: Vec<Beat>,
}

/// How many beats a simulated course has: 11 days of seconds.
const BEATS: u64 = 1_000_000;

/// Every model and every recording.
pub(crate) fn all() -> Vec<Course> {
    let simulated = models().into_iter().map(|(name, path)| Course {
        name,
        interval: path.interval,
        beats: path.beats(BEATS, 1),
    });
    simulated.chain(recordings()).collect()
}

/// Made by `tests/fixtures/heartbeats/record.py`, whose first lines say how.
pub(crate) fn recordings() -> [Course; 2] {
    let interval = Duration::from_millis(100);
    let course = |name, trace| Course {
        name,
        interval,
        beats: recorded(trace),
    };
    [
        course(
            "recorded: kernel TCP, a busy machine",
            include_str!("../../tests/fixtures/heartbeats/busy.csv"),
        ),
        course(
            "recorded: kernel TCP, 5 % loss each way",
            include_str!("../../tests/fixtures/heartbeats/lossy.csv"),
        ),
    ]
}

fn models() -> [(&'static str, Path); 5] {
    let ms = Duration::from_millis;
    let calm = Path {
        interval: ms(1_000),
        delay: ms(20),
        jitter: Jitter::Exponential(ms(20)),
        loss: Loss::Random(0.01),
        transport: Transport::Datagrams,
        pauses: None,
    };
    let stream = Transport::Stream {
        longest_timeout: Duration::from_secs(120),
    };
    [
        ("datagrams, 1 % loss, 20 ms jitter", calm),
        (
            "datagrams, bursts of loss, heavy-tailed jitter",
            Path {
                jitter: Jitter::Pareto(ms(10), 1.5),
                loss: Loss::Bursts {
                    begin: 0.002,
                    end: 0.4,
                },
                ..calm
            },
        ),
        (
            "TCP, 5 % loss, 300 ms jitter",
            Path {
                jitter: Jitter::Uniform(ms(300)),
                loss: Loss::Random(0.05),
                transport: stream,
                ..calm
            },
        ),
        (
            "TCP, 25 % loss, 300 ms jitter",
            Path {
                jitter: Jitter::Uniform(ms(300)),
                loss: Loss::Random(0.25),
                transport: stream,
                ..calm
            },
        ),
        (
            "TCP, a sender that pauses",
            Path {
                transport: stream,
                loss: Loss::Random(0.001),
                pauses: Some((Duration::from_secs(600), ms(300))),
                ..calm
            },
        ),
    ]
}
