//! Long times with every fault: nobody who lives is killed, and who is dead goes in time.

use std::time::Duration;

use deadpeer_guard::heart::Whom;
use proptest::prelude::*;

use crate::machine::{Count, DEADLINE, Machine, SWEEP};
use crate::weather::Chance;

const MINUTE: Duration = Duration::from_secs(60);
/// The share of packets that a path comes to lose each way for a while. At a tenth, which is what
/// the guard reckons with, one day in a thousand or so has a live one destroyed.
const SUDDEN: f64 = 0.05;
/// Where a quarter of all packets is lost each way, one in so many rows of unanswered questions
/// gets as long as the fifteen after which the kernel itself ends a connection behind a closed
/// window.
const ROWS_OF_FIFTEEN: u64 = 106_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Lets so much time pass with deaths, link flaps, sleep, outages of half of the peers, and paths
/// that come to lose more.
fn live(seed: u64, connections: usize, time: Duration, sudden: f64) -> Count {
    let mut machine = Machine::new(seed, connections);
    let mut chance = Chance::seeded(!seed);
    let end = machine.now + time;
    let mut worse = 0;
    while machine.now < end {
        let calm = chance.between(MINUTE, 20 * MINUTE);
        machine.run(calm);
        match chance.below(20) {
            0 => {
                let flap = chance.between(SWEEP, 2 * DEADLINE);
                machine.heart.network_lost(machine.now, Whom::All);
                machine.outage(flap, |_| true);
            }
            1 => {
                let flap = chance.between(SWEEP, 2 * DEADLINE);
                machine.outage(flap, |_| true);
            }
            2 => machine.outage(2 * DEADLINE, |peer| peer % 2 == 0),
            3 => {
                machine.heart.slept(machine.now);
                machine.outage(DEADLINE * 2 / 3, |_| true);
            }
            4 | 5 => {
                machine.worsen(worse, 0.0);
                worse = machine.some_peer();
                machine.worsen(worse, sudden);
            }
            _ => {
                let peer = machine.some_peer();
                machine.kill_peer(peer);
            }
        }
    }
    // As long as the kernel has patience at most, and the guard a deadline more.
    machine.run(20 * MINUTE);
    machine.count
}

#[track_caller]
fn check(count: &Count, seed: u64) {
    assert_eq!(count.killed_alive, 0, "seed {seed}: {count:?}");
    assert_eq!(count.by_kernel_alive, 0, "seed {seed}: {count:?}");
    assert_eq!(
        count.died,
        count.killed + count.by_kernel,
        "seed {seed}: {count:?}"
    );
    assert!(count.slowest <= DEADLINE + SWEEP, "seed {seed}: {count:?}");
    // As `guard status` foretells: after an outage probes may still be further apart.
    let blocked = count.slowest_blocked;
    let foretold = DEADLINE * 25 / 4 + SWEEP;
    assert!(blocked <= foretold, "seed {seed}: {count:?}");
    let heavy = u64::from(count.by_kernel_alive_heavy);
    let by_chance = count.rows_heavy / ROWS_OF_FIFTEEN * 2 + 3;
    assert!(heavy <= by_chance, "seed {seed}: {count:?}");
}

/// Ten thousand connections for a week: some hundred deaths, some hundred outages.
#[test]
fn a_week() {
    let count = live(1, 10_000, 7 * 24 * HOUR, SUDDEN);
    check(&count, 1);
    assert!(count.killed > 500, "{count:?}");
    assert!(
        count.held > 100_000,
        "the brake had nothing to do: {count:?}"
    );
    assert!(count.suspected > 500_000, "{count:?}");
}

/// As many questions as convince on a path known to lose nothing, or as many as convinced on a new
/// one, have each destroyed a live one in these.
#[test]
fn paths_that_come_to_lose_more_and_new_ones_that_lose_a_quarter() {
    for seed in [10, 20, 137] {
        check(&live(seed, 600, 24 * HOUR, 2.0 * SUDDEN), seed);
    }
}

/// As many days as `LONG_DAYS` says.
#[test]
#[ignore = "takes a quarter of a second for each day; `.ci/long guard` runs it"]
#[expect(clippy::print_stdout, reason = "what it found is for people to read")]
fn many_days() {
    let days = std::env::var("LONG_DAYS").map_or(300, |days| days.parse().unwrap());
    let mut suspected = 0;
    for seed in 0..days {
        let count = live(seed, 600, 24 * HOUR, SUDDEN);
        check(&count, seed);
        suspected += count.suspected;
    }
    println!("{days} days: {suspected} rows of unanswered questions, no live one destroyed");
}

/// The kernel asks for two minutes at first, and of what is in flight and of closed windows fifteen
/// times. While the brake holds it is lent more patience, as much as it has of itself: then it asks
/// every two minutes, and of the twenty who lose a quarter each way where it asks seldom, not all
/// are heard in time.
#[test]
fn an_outage_of_ten_minutes_costs_no_connection() {
    let mut machine = Machine::new(7, 2_000);
    machine.run(20 * MINUTE);
    machine.outage(10 * MINUTE, |_| true);
    machine.run(20 * MINUTE);
    let count = machine.count;
    assert_eq!((count.killed, count.by_kernel_alive), (0, 0), "{count:?}");
    assert!(count.by_kernel_alive_heavy < 10, "{count:?}");
    assert!(count.held > 1_000, "{count:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_day(seed: u64) {
        let count = live(seed, 600, 24 * HOUR, SUDDEN);
        check(&count, seed);
        prop_assert!(count.killed > 0);
    }
}
