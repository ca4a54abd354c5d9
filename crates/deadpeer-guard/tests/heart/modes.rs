//! Whoever observes tells what enforcing does.

use std::time::Duration;

use deadpeer_guard::heart::{Heart, Whom};
use proptest::prelude::*;

use crate::machine::{DEADLINE, Machine, SWEEP};
use crate::observer::Observer;
use crate::weather::Chance;

const TIME: Duration = Duration::from_secs(2 * 3600);

/// Two hours with some twenty peers that die or can't be reached, while one fault follows the
/// other, so that the brake comes on and off all the time. After each sweep the two hearts are
/// compared.
fn hours(seed: u64) -> Observer {
    let mut chance = Chance::seeded(!seed);
    let connections = 30 + chance.below(60) as usize;
    let kills_per_minute = [2, u32::MAX][chance.below(2) as usize];
    let mut machine = Machine::observed(seed, connections, kills_per_minute);
    machine.run(DEADLINE);
    let end = machine.now + TIME;
    while machine.now < end {
        let calm = chance.between(Duration::ZERO, 2 * DEADLINE);
        machine.run(calm);
        let cut = chance.between(SWEEP, 4 * DEADLINE);
        let (of, which) = (2 + chance.below(8) as usize, chance.below(8) as usize);
        match chance.below(12) {
            0 => {
                machine.befall(|heart, now| heart.network_lost(now, Whom::All));
                machine.outage(cut / 4, |_| true);
            }
            1 => machine.befall(|heart, now| heart.network_lost(now, Whom::Namespace(1))),
            2 => machine.befall(|heart, now| heart.slept(now)),
            3 => {
                machine.befall(Heart::hold);
                machine.run(cut / 4);
                machine.befall(Heart::resume);
            }
            4..=6 => machine.outage(cut, |peer| peer % of == which),
            _ => {
                for _ in 0..=chance.below(3) {
                    machine.kill_peer(chance.below(connections as u64 / 3) as usize);
                }
            }
        }
    }
    machine.run(10 * DEADLINE);
    machine.observer.unwrap()
}

#[test]
fn an_observer_tells_what_enforcing_does() {
    let (mut told, mut spared, mut held) = (0, 0, 0);
    for seed in 0..50 {
        let observer = hours(seed);
        told += observer.told;
        spared += observer.spared;
        held += observer.held;
    }
    assert!(
        told > 10_000 && spared > 10_000 && held > 10_000,
        "{told} told, {spared} spared, {held} sweeps held"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn at_any_time(seed: u64) {
        hours(seed);
    }
}
