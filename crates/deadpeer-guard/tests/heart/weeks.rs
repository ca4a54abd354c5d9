//! Long times with every fault: nobody who lives is killed, and who is dead goes in time.

use std::time::Duration;

use proptest::prelude::*;

use crate::machine::{Count, DEADLINE, Machine, SWEEP};
use crate::weather::Chance;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Lets so much time pass with deaths, link flaps, sleep, and outages of half of the peers.
fn live(seed: u64, connections: usize, time: Duration) -> Count {
    let mut machine = Machine::new(seed, connections);
    let mut chance = Chance::seeded(!seed);
    let end = machine.now + time;
    while machine.now < end {
        let calm = chance.between(MINUTE, 20 * MINUTE);
        machine.run(calm);
        match chance.below(20) {
            0 => {
                let flap = chance.between(SWEEP, 2 * DEADLINE);
                machine.heart.network_lost(machine.now);
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
    let blocked = count.slowest_blocked;
    assert!(blocked <= DEADLINE * 4 + SWEEP, "seed {seed}: {count:?}");
}

/// Ten thousand connections for a week: some hundred deaths, some hundred outages.
#[test]
fn a_week() {
    let count = live(1, 10_000, 7 * 24 * HOUR);
    check(&count, 1);
    assert!(count.killed > 500, "{count:?}");
    assert!(
        count.held > 100_000,
        "the brake had nothing to do: {count:?}"
    );
    assert!(count.suspected > 500_000, "{count:?}");
}

/// In this one, outages have made a path that loses nothing look like one that does.
#[test]
fn a_day_of_many_outages() {
    let seed = 4_711_083_952_074_326_837;
    check(&live(seed, 600, 24 * HOUR), seed);
}

/// The kernel asks for two minutes at first, and of what is in flight and of closed windows fifteen
/// times. While the brake holds it is lent more patience.
#[test]
fn an_outage_of_ten_minutes_costs_no_connection() {
    let mut machine = Machine::new(7, 2_000);
    machine.run(20 * MINUTE);
    machine.outage(10 * MINUTE, |_| true);
    machine.run(20 * MINUTE);
    let count = machine.count;
    assert_eq!((count.killed, count.by_kernel_alive), (0, 0), "{count:?}");
    assert!(count.held > 1_000, "{count:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_day(seed: u64) {
        let count = live(seed, 600, 24 * HOUR);
        check(&count, seed);
        prop_assert!(count.killed > 0);
    }
}
