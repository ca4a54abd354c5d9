//! Random programs, held against core's forecast after each call.

use std::collections::HashMap;
use std::time::Duration;

use deadpeer_core::{Effective, Forecast, Silence};

use crate::program::{self, Call};
use crate::{Asked, kernel, under_the_rule};

/// Calls a run, several on each connection.
const CALLS: u32 = 2_000;
const CALLS_OF_A_CONNECTION: u32 = 12;

#[test]
fn whatever_a_program_sets_the_promise_holds() {
    let asked = [
        Asked::within_s(30),
        Asked::within_s(30).drop(),
        Asked::within_s(60).survives(5),
        Asked::within_s(12).drop().survives(1),
        Asked::within_s(300),
        Asked::within_s(3600),
    ];
    for asked in asked {
        under_the_rule("random::program", asked.on_this_kernel());
    }
}

/// The program.
#[test]
fn program() {
    let Some(asked) = program::asked() else {
        return;
    };
    let mut judge = Judge {
        asked,
        promised: HashMap::new(),
        overruled: 0,
    };
    let mut random = Random(0x5eed ^ asked.within.as_secs());
    for _ in 0..CALLS / CALLS_OF_A_CONNECTION {
        let (caller, called) = program::pair();
        let socket = if random.below(2) == 0 { caller } else { called };
        let mut wish = program::untouched();
        let mut calls = Vec::new();
        judge.check(&program::in_force(&socket), &wish, &calls);
        for _ in 0..CALLS_OF_A_CONNECTION {
            let call = random.call();
            if matches!(call, Call::RtoMax(_)) && !kernel().rto_max_option {
                continue;
            }
            calls.push(call);
            call.make(&socket).expect("the program sees no error");
            call.note(&mut wish);
            judge.check(&program::in_force(&socket), &wish, &calls);
        }
    }
    assert!(judge.overruled > 0, "nothing was tested");
}

struct Judge {
    asked: Asked,
    promised: HashMap<Effective, Forecast>,
    overruled: u32,
}

impl Judge {
    fn promised(&mut self, settings: &Effective) -> Forecast {
        let promised = &mut self.promised;
        *promised
            .entry(*settings)
            .or_insert_with(|| program::promised(settings))
    }

    fn check(&mut self, now: &Effective, wish: &Effective, calls: &[Call]) {
        let (promised, wished) = (self.promised(now), self.promised(wish));
        let context = || format!("{:?}\nafter {calls:?}\nin force {now:?}", self.asked);
        for silence in Silence::JUDGED {
            let worst = promised.outlook(silence).worst;
            assert!(
                worst.meets(self.asked.within),
                "{silence} {worst:?}: {}",
                context()
            );
        }
        let survived = promised.lost_probes_survived;
        assert!(
            survived >= Some(self.asked.survives),
            "survives {survived:?}: {}",
            context()
        );
        self.nowhere_later(&promised, &wished, &context);
        self.overruled += u32::from(now != wish);
    }

    /// But what the lost probes take is always granted.
    fn nowhere_later(&self, promised: &Forecast, wished: &Forecast, context: &dyn Fn() -> String) {
        let probes = Duration::from_millis(1200) * (self.asked.survives + 1);
        let idle = probes + Duration::from_millis(1200);
        // A late write is judged by its two parts; a user timeout begins with the first
        // retransmission, or with the window probe.
        let granted = [
            (promised.idle.worst, wished.idle.worst, idle),
            (
                promised.in_flight.worst,
                wished.in_flight.worst,
                probes + Duration::from_secs(3),
            ),
            (
                promised.slow_reader,
                wished.slow_reader,
                probes + Duration::from_secs(3),
            ),
        ];
        for (promised, wished, granted) in granted {
            // What the kernel's timers round up depends on each wait.
            let rounded = wished.latest().map(|latest| latest * 51 / 50);
            let later = rounded.is_some_and(|latest| !promised.meets(latest));
            assert!(
                !later || promised.meets(granted),
                "{promised:?}, wished {wished:?}: {}",
                context()
            );
        }
    }
}

/// A generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u32) -> u32 {
        (self.next() % u64::from(n)) as u32
    }

    /// From a few that matter, or any up to `most`, the small ones as often as the large.
    fn number(&mut self, most: u32) -> u32 {
        const OFTEN: [u32; 12] = [1, 2, 3, 5, 9, 10, 15, 20, 30, 75, 100, 300];
        match self.below(3) {
            0 => OFTEN[self.below(OFTEN.len() as u32) as usize].min(most),
            _ => {
                let bits = self.below(32 - most.leading_zeros()) + 1;
                (self.below(1 << bits) + 1).min(most)
            }
        }
    }

    fn call(&mut self) -> Call {
        match self.below(7) {
            0 => Call::Keepalive(self.below(3) > 0),
            1 | 2 => Call::Idle(self.number(32_767)),
            3 => Call::Interval(self.number(32_767)),
            4 => Call::Count(self.number(127)),
            5 => Call::UserTimeout(match self.below(3) {
                0 => 0,
                _ => self.number(1_000_000),
            }),
            // Whole jiffies at any clock rate.
            _ => Call::RtoMax(self.number(1_190) * 100 + 900),
        }
    }
}
