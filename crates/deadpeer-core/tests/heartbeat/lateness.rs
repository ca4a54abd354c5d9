//! Our own slowness is not the peer's silence.

use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Received, Standing, Transmit, Why};

use crate::histories::{asking, at, events, pass, write};

fn is_silent(event: &Event) -> bool {
    matches!(event, Event::Silent { .. })
}

#[test]
fn after_an_hour_of_suspension_the_peer_is_asked_and_has_its_time() {
    for asleep_at in [1, 10, 29] {
        let mut heartbeat = asking();
        pass(&mut heartbeat, at(asleep_at));
        let woken = at(3_600 + asleep_at);
        heartbeat.handle_timeout(woken);
        let told = events(&mut heartbeat);
        assert!(
            matches!(told[..], [Event::Late { by }] if by >= at(3_590)),
            "{told:?}"
        );
        if asleep_at < 29 {
            let frame = write(&mut heartbeat, woken);
            assert!(matches!(frame, Some(Transmit::Ping { .. })));
        }
        // Nothing comes: then it is called silent, after the rest of its time.
        let end = woken + at(30);
        pass(&mut heartbeat, end);
        let told = events(&mut heartbeat);
        let [Event::Silent { since, .. }] = told[..] else {
            panic!("{told:?}");
        };
        assert!(since <= at(60), "the hour is not its silence: {since:?}");
    }
}

#[test]
fn who_comes_late_to_convict_reads_first() {
    let mut heartbeat = asking();
    pass(&mut heartbeat, at(29));
    let wake = heartbeat.poll_timeout().expect("a conviction is due");
    assert_eq!((wake.why, wake.at), (Why::Convict, at(30)));
    // A stop of five seconds: what has come meanwhile is still in the socket's buffer.
    heartbeat.handle_timeout(at(35));
    assert_eq!(events(&mut heartbeat), [Event::Late { by: at(5) }]);
    heartbeat
        .handle_received(at(35), Received::Data)
        .expect("data breaks no rule");
    assert_eq!(heartbeat.standing(at(35)), Standing::Alive { age: at(0) });
    assert_eq!(events(&mut heartbeat), []);
}

#[test]
fn a_program_that_is_always_late_notices_a_death_all_the_same() {
    for lateness in [at(2), at(10), at(40)] {
        let mut heartbeat = asking();
        let mut now = at(0);
        while !events(&mut heartbeat).iter().any(is_silent) {
            let wake = heartbeat.poll_timeout().expect("it still waits");
            now = now.max(wake.at) + lateness;
            heartbeat.handle_timeout(now);
            write(&mut heartbeat, now);
            assert!(now < at(600), "late by {lateness:?} each time");
        }
    }
}

#[test]
fn timers_that_are_late_as_usual_change_nothing() {
    let mut heartbeat = asking();
    while let Some(wake) = heartbeat.poll_timeout().filter(|wake| wake.at < at(31)) {
        let now = wake.at + Duration::from_millis(200);
        heartbeat.handle_timeout(now);
        write(&mut heartbeat, now);
    }
    let told = events(&mut heartbeat);
    assert!(
        matches!(told[..], [Event::Silent { since, .. }] if since <= Duration::from_millis(30_400)),
        "{told:?}"
    );
}

#[test]
fn a_clock_that_runs_back_stands_still() {
    let mut heartbeat = asking();
    heartbeat
        .handle_received(at(100), Received::Data)
        .expect("data breaks no rule");
    heartbeat.handle_timeout(at(40));
    assert_eq!(heartbeat.standing(at(1)), Standing::Alive { age: at(0) });
    assert!(
        write(&mut heartbeat, at(50)).is_some(),
        "nothing was said for long"
    );
    pass(&mut heartbeat, at(129));
    assert!(!events(&mut heartbeat).iter().any(is_silent));
    pass(&mut heartbeat, at(130));
    assert!(events(&mut heartbeat).iter().any(is_silent));
}
