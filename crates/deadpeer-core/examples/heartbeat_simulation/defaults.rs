//! What the default settings of heartbeats are worth: two ends, both asking, over TCP.

use std::time::Duration;

use deadpeer_core::heartbeat::Settings;

use crate::ends::World;
use crate::path::{Jitter, Loss, Path, Transport};

const YEAR: Duration = Duration::from_secs(31_557_600);
const DEATHS: u64 = 300;

/// 300 ms of jitter and this loss each way; timeouts of TCP grow up to this.
pub(crate) fn path(loss: f64, longest_timeout: Duration) -> Path {
    Path {
        interval: Duration::from_secs(1),
        delay: Duration::from_millis(20),
        jitter: Jitter::Uniform(Duration::from_millis(300)),
        loss: Loss::Random(loss),
        transport: Transport::Stream { longest_timeout },
        pauses: None,
    }
}

/// Prints false alarms a year beside detection times.
pub(crate) fn print() {
    println!(
        "{:>8} {:>6} {:>8} {:>8} {:>13} {:>9} {:>9} {:>9} {:>9}",
        "deadline", "asked", "loss", "RTO max", "false alarms", "lasting", "noticed", "", "pings"
    );
    println!(
        "{:>8} {:>6} {:>8} {:>8} {:>13} {:>9} {:>9} {:>9} {:>9}",
        "", "times", "each way", "", "a year", "", "mean", "latest", "an hour"
    );
    for (deadline, asked) in [
        (30, 3),
        (30, 4),
        (30, 6),
        (30, 10),
        (10, 3),
        (60, 3),
        (120, 3),
    ] {
        for (loss, rto_max) in [(0.05, 120), (0.25, 120), (0.25, 1)] {
            row(deadline, asked, loss, rto_max);
        }
    }
}

fn row(deadline: u64, asked: u32, loss: f64, rto_max: u64) {
    let within = Duration::from_secs(deadline);
    let settings = [Settings::within(within).every(within / asked); 2];
    let path = path(loss, Duration::from_secs(rto_max));
    let years = 2.0;
    // Half of it for each end, which are two judges.
    let tally = World::new(settings, path, 1).live_for(YEAR.mul_f64(years / 2.0));
    let mut noticed: Vec<Duration> = (0..DEATHS)
        .map(|seed| {
            let mut world = World::new(settings, path, seed);
            world.live_for(Duration::from_millis(600_000 + seed * 977));
            world.die()
        })
        .collect();
    noticed.sort_unstable();
    let mean = noticed.iter().sum::<Duration>().as_secs_f64() / DEATHS as f64;
    let latest = noticed.last().map_or(f64::NAN, Duration::as_secs_f64);
    let alarms = f64::from(tally.false_alarms);
    println!(
        "{deadline:>6} s {asked:>6} {:>6} % {rto_max:>6} s {:>13.2} {:>9} {mean:>7.1} s {latest:>7.1} s {:>9.0}",
        loss * 100.0,
        alarms / years,
        match tally.false_alarms {
            0 => "-".to_owned(),
            _ => format!("{:.1} s", tally.mistaken.as_secs_f64() / alarms),
        },
        tally.pings as f64 / (years / 2.0 * YEAR.as_secs_f64() / 3600.0) / 2.0
    );
}
