//! When deadpeer says that the kernel will end a connection, and when it does.

use std::time::{Duration, Instant};

use deadpeer_sys::testing::is_in_the_table;

use crate::common::read_back;
use crate::situation::{Ends, Foretell};
use crate::stage::Stage;

/// Of what was foretold, for looking at a busy machine.
const SLACK: Duration = Duration::from_secs(1);

/// Of some connections, what was said.
#[derive(Debug)]
pub(crate) struct Foretold {
    asked: Instant,
    answered: Instant,
    connections: Vec<End>,
}

#[derive(Debug)]
struct End {
    cookie: u64,
    earliest: Duration,
    latest: Duration,
}

impl Foretold {
    pub(crate) fn by(stage: &Stage, foretell: &Foretell) -> Self {
        let asked = Instant::now();
        let line = format!("deadpeer audit --json --each {}", foretell.which);
        let ran = stage.run(&foretell.at, &line);
        let answered = Instant::now();
        let lines: Vec<_> = ran.stdout.lines().map(read_back).collect();
        let connections = lines.iter().filter(|line| line["type"] == "connection");
        let connections: Vec<End> = connections
            .map(|line| {
                let ms = |key: &str| {
                    let ms = line["ends"][key].as_u64();
                    Duration::from_millis(ms.unwrap_or_else(|| panic!("no end foretold: {line}")))
                };
                End {
                    cookie: line["cookie"].as_u64().unwrap(),
                    earliest: ms("earliest_ms"),
                    latest: ms("latest_ms"),
                }
            })
            .collect();
        assert_eq!(connections.len(), foretell.connections, "{}", ran.stdout);
        Self {
            asked,
            answered,
            connections,
        }
    }

    /// Waits for the last of them, and says what came of it.
    pub(crate) fn compare(self, stage: &Stage, ends: &Ends, silent: Instant) -> String {
        let bound = self.connections.iter().map(|end| end.latest).max();
        let bound = self.answered + bound.unwrap() + 5 * SLACK;
        let (mut first, mut last) = (Duration::MAX, Duration::ZERO);
        let mut open: Vec<&End> = self.connections.iter().collect();
        while !open.is_empty() {
            let now = Instant::now();
            assert!(now < bound, "still there, though foretold: {open:?}");
            let there: Vec<bool> = stage.enter(&ends.at, || {
                let there = open.iter().map(|end| is_in_the_table(end.cookie).unwrap());
                there.collect()
            });
            let mut there = there.into_iter();
            open.retain(|end| {
                let there = there.next().unwrap();
                if !there {
                    // What was told is of some moment between the two.
                    let (most, after) = (now - self.asked, now - self.answered);
                    let right = most + SLACK >= end.earliest && after <= end.latest + SLACK;
                    assert!(right, "after {after:?} to {most:?}, foretold {end:?}");
                    first = first.min(after);
                    last = last.max(after);
                }
                there
            });
            std::thread::sleep(Duration::from_millis(20));
        }
        let silence = silent.elapsed();
        if let Some(deadline) = ends.deadline {
            assert!(silence <= deadline + SLACK, "{silence:?} of {deadline:?}");
        }
        let earliest = self.connections.iter().map(|end| end.earliest).min();
        let latest = self.connections.iter().map(|end| end.latest).max();
        let [earliest, latest] = [earliest, latest].map(|span| span.unwrap().as_secs_f64());
        let came = match (first.as_secs_f64(), last.as_secs_f64()) {
            (first, last) if last - first < 0.1 => format!("{last:.1} s"),
            (first, last) => format!("{first:.1} to {last:.1} s"),
        };
        format!(
            "foretold: the kernel gives up after {earliest:.1} to {latest:.1} s; it did after {came}"
        )
    }
}
