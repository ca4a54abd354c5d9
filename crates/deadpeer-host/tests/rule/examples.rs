//! What well-known programs set, and what comes of it.

use deadpeer_sys::testing::skip;

use crate::program::{self, Call};
use crate::{Asked, under_the_rule};

/// The calls of a program, and idle time, interval, count and user timeout in force afterwards.
type Example = (&'static str, &'static [Call], (u32, u32, u32, u32));

use Call::{Count, Idle, Interval, Keepalive, UserTimeout};

const REDIS: &[Call] = &[Keepalive(true), Idle(300), Interval(100), Count(3)];
const GO: &[Call] = &[Keepalive(true), Idle(15), Interval(15), Count(9)];
const NODE: &[Call] = &[Keepalive(true), Idle(30), Interval(1), Count(10)];
const GRPC: &[Call] = &[
    Keepalive(true),
    Idle(15),
    Interval(15),
    Count(9),
    UserTimeout(20_000),
];

/// The numbers are those of plans that keep slow readers.
fn has_the_plans() -> bool {
    let has = crate::kernel().rto_max_option;
    if !has {
        skip("this kernel has no TCP_RTO_MAX_MS");
    }
    has
}

#[test]
fn what_is_too_late_is_overruled_as_a_whole() {
    if !has_the_plans() {
        return;
    }
    under_the_rule("examples::thirty_seconds", Asked::within_s(30));
    under_the_rule("examples::five_minutes", Asked::within_s(300));
}

#[test]
fn what_an_application_is_to_keep_it_keeps_and_lives() {
    if !has_the_plans() {
        return;
    }
    let asked = Asked::within_s(30).keep_app_settings();
    under_the_rule("examples::kept", asked);
    under_the_rule("examples::kept", asked.drop());
}

#[test]
fn thirty_seconds() {
    check(|plan| {
        [
            ("redis", REDIS, plan),
            ("go", GO, plan),
            ("node", NODE, plan),
            // It wants to drop slow readers: as late as can be, with probes that fit under it.
            ("grpc-go", GRPC, (8, 1, 3, 12_340)),
            (
                "good enough",
                &[Keepalive(true), Idle(4), Interval(2), Count(3)],
                (4, 2, 3, 0),
            ),
            ("switched off", &[Keepalive(false)], plan),
            // One probe, 6 s: as soon, with three.
            (
                "one probe",
                &[Keepalive(true), Idle(3), Interval(3), Count(1)],
                (2, 1, 3, 0),
            ),
            // Shorter than three probes take.
            ("hasty", &[UserTimeout(500)], (1, 1, 3, 3486)),
        ]
    });
}

#[test]
fn five_minutes() {
    check(|plan| {
        [
            ("redis", REDIS, plan),
            // 75 s: soon enough.
            (
                "go",
                &[Keepalive(true), Idle(15), Interval(15), Count(4)],
                (15, 15, 4, 0),
            ),
            ("node", NODE, (30, 1, 10, 0)),
        ]
    });
}

#[test]
fn kept() {
    let asked = program::asked();
    let Some(asked) = asked else { return };
    // The plan's user timeout would end it when one probe is lost.
    let user_timeout = if asked.drop { 571_487 } else { 0 };
    check(|_| {
        [
            ("redis", REDIS, (300, 100, 3, user_timeout)),
            ("grpc-go", GRPC, (15, 15, 9, 20_000)),
        ]
    });
}

fn check<const N: usize>(examples: impl FnOnce((u32, u32, u32, u32)) -> [Example; N]) {
    let Some(asked) = program::asked() else {
        return;
    };
    let plan = program::plans(asked);
    let plan = program::told(&plan.resolve(&crate::kernel().sysctls));
    for (name, calls, expected) in examples(plan) {
        let (caller, called) = program::pair();
        for socket in [caller, called] {
            for call in calls {
                call.make(&socket).unwrap();
            }
            assert_eq!(
                program::told(&program::in_force(&socket)),
                expected,
                "{name}"
            );
        }
    }
}
