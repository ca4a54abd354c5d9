//! How often the verdict errs, and how soon it comes: years of virtual time on lossy paths.
//!
//! ```sh
//! cargo run --release -p deadpeer-core --example verdict_simulation
//! ```
#![expect(clippy::print_stdout, reason = "a program at the command line")]

mod world;

use std::time::Duration;

use deadpeer_core::Supervision;

use world::{Path, World};

const YEAR: Duration = Duration::from_secs(31_557_600);
const YEARS: u32 = 10;
const DEATHS: u64 = 200;
const LATE_JUDGES: u64 = 20_000;

fn main() {
    println!(
        "{:>8}  {:<30} {:>12} {:>11} {:>9} {:>9} {:>9}",
        "deadline", "path", "false alarms", "looks", "noticed", "", "foretold"
    );
    println!(
        "{:>8}  {:<30} {:>12} {:>11} {:>9} {:>9} {:>9}",
        "", "", "a year", "an hour", "median", "latest", "slip"
    );
    let deadlines = [10, 30, 120].map(Duration::from_secs);
    for deadline in deadlines {
        for (name, path) in paths(deadline) {
            let supervision = Supervision::within(deadline);
            print_years(name, deadline, &|seed| World::new(supervision, path, seed));
        }
        for (name, loss) in [
            ("25 % each way, the peer probes", 0.25),
            ("40 % each way, the peer probes", 0.40),
        ] {
            let supervision = Supervision::within(deadline);
            print_years(name, deadline, &|seed| {
                World::new(supervision, Path::Random(loss), seed).probed_by_the_peer()
            });
        }
    }
    println!("\nlive connections called dead within one deadline, when the judge comes late");
    println!("{:>8}  {:<30} {:>12}", "deadline", "path", "of 20,000");
    for deadline in deadlines {
        for (seconds, name) in [
            (20, "40 % each way for 20 s"),
            (40, "40 % each way for 40 s"),
            (80, "40 % each way for 80 s"),
        ] {
            let errs = |seed: &u64| {
                let mut world = World::new(Supervision::within(deadline), Path::Random(0.4), *seed);
                world.live_unjudged_for(Duration::from_secs(seconds));
                world.live_for(deadline).false_alarms > 0
            };
            let wrong = (0..LATE_JUDGES).filter(errs).count();
            println!("{:>6} s  {name:<30} {wrong:>12}", deadline.as_secs());
        }
    }
}

/// Ten years of a live peer, and many deaths.
fn print_years(name: &str, deadline: Duration, world: &dyn Fn(u64) -> World) {
    let tally = world(1).live_for(YEAR * YEARS);
    let mut noticed: Vec<_> = (0..DEATHS)
        .map(|seed| {
            let mut world = world(seed);
            world.live_for(Duration::from_secs(7_200 + seed * 13));
            world.vanish()
        })
        .collect();
    noticed.sort_unstable();
    let (median, _) = noticed[noticed.len() / 2];
    let (latest, _) = noticed[noticed.len() - 1];
    let slip = noticed
        .iter()
        .map(|(_, slip)| *slip)
        .max()
        .unwrap_or_default();
    println!(
        "{:>6} s  {name:<30} {:>12.2} {:>11.0} {:>7.1} s {:>7.1} s {:>7.1} s",
        deadline.as_secs(),
        f64::from(tally.false_alarms) / f64::from(YEARS),
        tally.looks as f64 / (f64::from(YEARS) * YEAR.as_secs_f64() / 3600.0),
        median.as_secs_f64(),
        latest.as_secs_f64(),
        slip.as_secs_f64()
    );
}

fn paths(deadline: Duration) -> [(&'static str, Path); 9] {
    let bursts = |outage, minutes: u64| Path::Bursts {
        outage,
        every: Duration::from_secs(minutes * 60),
    };
    let spells = |loss| Path::Spells {
        loss,
        lasts: Duration::from_secs(600),
        every: Duration::from_secs(7_200),
    };
    [
        ("no loss", Path::Random(0.0)),
        ("1 % each way", Path::Random(0.01)),
        ("5 % each way", Path::Random(0.05)),
        ("25 % each way", Path::Random(0.25)),
        ("40 % each way", Path::Random(0.40)),
        ("25 % for 10 min, each 2 hours", spells(0.25)),
        ("40 % for 10 min, each 2 hours", spells(0.40)),
        ("1/3 deadline out, each 10 min", bursts(deadline / 3, 10)),
        ("4/5 deadline out, each hour", bursts(deadline * 4 / 5, 60)),
    ]
}
