//! Timers against a naive model: a map that is searched from end to end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadpeer_core::alarms::Alarms;
use proptest::prelude::*;

/// With a resolution of one nanosecond a tick is a nanosecond, so the model needs no rounding.
const RESOLUTION: Duration = Duration::from_nanos(1);

fn at(ns: u64) -> Duration {
    Duration::from_nanos(ns)
}

#[derive(Debug, Clone)]
enum Step {
    Set(u32, u64),
    Postpone(u32, u64),
    Remove(u32),
    /// Time passes; timers that ring and whose number is in the set are set again, so much later.
    Pass(u64, BTreeSet<u32>, u64),
}

/// The numbers and the first nanosecond at which each rings.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    due: BTreeMap<u32, u64>,
}

impl Model {
    fn set(&mut self, number: u32, deadline: u64) {
        self.due.insert(number, (deadline + 1).max(self.now + 1));
    }

    fn rung(&mut self) -> BTreeSet<u32> {
        let rung = |due: &u64| *due <= self.now;
        let numbers = self.due.iter().filter(|(_, due)| rung(due));
        let numbers: BTreeSet<u32> = numbers.map(|(number, _)| *number).collect();
        self.due.retain(|number, _| !numbers.contains(number));
        numbers
    }
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0_u32..40;
    // Around a revolution of the circle, within one, and far beyond.
    let wait = prop_oneof![0_u64..50, 0_u64..5_000, 3_900_u64..4_300, 0_u64..1_000_000];
    prop_oneof![
        3 => (number.clone(), wait.clone()).prop_map(|(n, w)| Step::Set(n, w)),
        3 => (number.clone(), wait.clone()).prop_map(|(n, w)| Step::Postpone(n, w)),
        1 => number.clone().prop_map(Step::Remove),
        3 => (wait.clone(), prop::collection::btree_set(number, 0..20), wait)
            .prop_map(|(w, again, later)| Step::Pass(w, again, later)),
    ]
}

proptest! {
    #[test]
    fn they_ring_exactly_when_the_model_does(
        begin in prop_oneof![Just(0_u64), Just(u64::from(u32::MAX) - 3_000), 0..u64::MAX / 4],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut alarms = Alarms::new(RESOLUTION, at(begin));
        let mut model = Model { now: begin, ..Model::default() };
        for step in steps {
            match step {
                Step::Set(number, wait) => {
                    alarms.set(number, at(model.now + wait));
                    model.set(number, model.now + wait);
                }
                Step::Postpone(number, wait) => {
                    let Some(due) = model.due.get_mut(&number) else { continue };
                    *due += wait;
                    alarms.postpone(number, at(*due - 1));
                }
                Step::Remove(number) => {
                    alarms.remove(number);
                    model.due.remove(&number);
                }
                Step::Pass(wait, again, later) => {
                    model.now += wait;
                    let now = model.now;
                    let mut rung = BTreeSet::new();
                    alarms.expire(at(now), |number| {
                        assert!(rung.insert(number), "{number} rang twice");
                        again.contains(&number).then(|| at(now + later))
                    });
                    prop_assert_eq!(&rung, &model.rung());
                    for number in rung.intersection(&again) {
                        model.set(*number, now + later);
                    }
                }
            }
            let first = model.due.values().min();
            match (alarms.next_check(), first) {
                (Some(look), Some(first)) => prop_assert!(look <= at(*first)),
                (None, Some(_)) => prop_assert!(false, "a timer is set and nothing to look at"),
                (_, None) => {}
            }
        }
    }
}

#[test]
fn a_timer_set_to_the_past_rings_at_the_next_tick_and_only_once_a_call() {
    let mut alarms = Alarms::new(RESOLUTION, at(10_000));
    alarms.set(3, at(5));
    for now in 10_001..10_005 {
        let mut rang = 0;
        alarms.expire(at(now * 2), |_| {
            rang += 1;
            Some(at(0))
        });
        assert_eq!(rang, 1);
    }
}

/// Whoever looks when told to is late by no more than a resolution.
#[test]
fn following_next_check_is_enough() {
    let ms = Duration::from_millis;
    let mut alarms = Alarms::new(ms(10), ms(0));
    alarms.set(0, ms(123_456));
    let mut now = ms(0);
    let mut looks = 0;
    let mut rang = None;
    while rang.is_none() {
        now = now.max(alarms.next_check().expect("a timer is set"));
        looks += 1;
        alarms.expire(now, |_| {
            rang = Some(now);
            None
        });
    }
    assert!((ms(123_456)..=ms(123_466)).contains(&now), "{now:?}");
    assert!(looks <= 5, "one a revolution: {looks}");
    assert_eq!(alarms.next_check(), None);
}
