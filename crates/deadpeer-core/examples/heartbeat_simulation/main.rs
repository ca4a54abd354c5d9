//! What failure detectors are worth, and what the default settings of heartbeats are: in virtual
//! time and on recorded beats.
//!
//! ```sh
//! cargo run --release -p deadpeer-core --example heartbeat_simulation -- detectors [PLOT.svg]
//! cargo run --release -p deadpeer-core --example heartbeat_simulation -- defaults
//! ```
#![expect(clippy::print_stdout, reason = "a program at the command line")]

mod courses;
mod defaults;
#[allow(
    dead_code,
    reason = "the test `detector` compares all of it with published values; the simulation needs less"
)]
mod detector;
mod ends;
mod path;
mod plot;
mod race;

use std::time::Duration;

use courses::Course;
use race::{RUNNERS, Runner};

/// Detection times to compare at, in intervals.
const DETECTIONS: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["detectors"] => {
            detectors();
            Ok(())
        }
        ["detectors", plot] => plot::draw(&detectors(), plot),
        ["defaults"] => {
            defaults::print();
            Ok(())
        }
        _ => Err("either `detectors [PLOT.svg]` or `defaults`".into()),
    }
}

/// A detector's results on a course: detection time in seconds, and mistakes an hour.
pub(crate) type Line = (Runner, Vec<(f64, f64)>);

fn detectors() -> Vec<(Course, Vec<Line>)> {
    courses::all()
        .into_iter()
        .map(|course| {
            let lines = compare(&course);
            (course, lines)
        })
        .collect()
}

/// Prints how each does on the course, and returns it.
fn compare(course: &Course) -> Vec<Line> {
    let hours = course.interval.as_secs_f64() * course.beats.len() as f64 / 3600.0;
    println!(
        "{}: {} beats, {hours:.1} h",
        course.name,
        course.beats.len()
    );
    println!(
        "  {:>8} {:<22} {:>9} {:>12} {:>10} {:>10} {:>12}",
        "mean T_D", "", "worst T_D", "mistakes/h", "T_MR", "T_M", "1 - P_A"
    );
    let mut lines: Vec<Line> = RUNNERS.map(|runner| (runner, Vec::new())).into();
    for intervals in DETECTIONS {
        for (runner, line) in &mut lines {
            let detection = course.interval.mul_f64(intervals);
            let Some(result) = runner.run(&course.beats, course.interval, detection) else {
                continue;
            };
            let quality = result.quality;
            let per_hour = quality.mistakes as f64 / (quality.watched.as_secs_f64() / 3600.0);
            line.push((result.detection.as_secs_f64(), per_hour));
            println!(
                "  {:>6.2} s {:<22} {:>7.2} s {:>12.3} {:>10} {:>10} {:>12.1e}",
                result.detection.as_secs_f64(),
                runner.name(),
                result.worst.as_secs_f64(),
                per_hour,
                seconds(quality.mistake_recurrence()),
                seconds(quality.mistake_duration()),
                1.0 - quality.query_accuracy().unwrap_or(f64::NAN)
            );
        }
    }
    println!();
    lines
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{:.2} s", time.as_secs_f64()),
    )
}
