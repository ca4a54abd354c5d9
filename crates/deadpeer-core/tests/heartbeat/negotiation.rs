//! What two ends agree on.

use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Heartbeat, Hello, Received, Settings, Transmit, Violation};

use crate::histories::{asking, at, events, pass};

fn hello(every: Option<u64>, floor: u64) -> Hello {
    Hello {
        every: every.map(at),
        floor: at(floor),
    }
}

fn told(heartbeat: &mut Heartbeat, hello: Hello) -> Result<(), Violation> {
    heartbeat.handle_received(at(1), Received::Hello(hello))
}

#[test]
fn the_slower_side_sets_the_pace() {
    // What the peer bears; the interval and the deadline that come of it, for an end that wants 6 s
    // and 30 s.
    for (floor, every, deadline) in [
        (0, 6, 30),
        (5, 6, 30),
        (8, 8, 30),
        (10, 10, 30),
        (20, 20, 60),
    ] {
        let mut heartbeat = asking();
        told(&mut heartbeat, hello(None, floor)).expect("it is slow enough");
        assert_eq!(
            events(&mut heartbeat),
            [Event::Negotiated {
                every: Some(at(every)),
                deadline: Some(at(deadline))
            }]
        );
        let frames = pass(&mut heartbeat, at(1_000));
        let gaps: Vec<_> = frames
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .collect();
        assert!(
            gaps.iter()
                .all(|gap| *gap >= at(every) * 3 / 4 && *gap <= at(every))
        );
    }
}

#[test]
fn who_only_answers_relies_on_the_promise() {
    for (promise, deadline) in [(Some(6), Some(30)), (Some(20), Some(60)), (None, None)] {
        let mut heartbeat = Heartbeat::new(Settings::answering(at(30)), at(0));
        assert_eq!(heartbeat.deadline(), None, "nothing was promised yet");
        told(&mut heartbeat, hello(promise, 1)).expect("a promise that can be relied on");
        assert_eq!(
            (heartbeat.every(), heartbeat.deadline()),
            (None, deadline.map(at))
        );
        assert!(
            pass(&mut heartbeat, at(1_000))
                .iter()
                .all(|(_, frame)| !matches!(frame, Transmit::Ping { .. }))
        );
        let silent = events(&mut heartbeat)
            .iter()
            .any(|event| matches!(event, Event::Silent { .. }));
        assert_eq!(silent, deadline.is_some());
    }
}

#[test]
fn a_pace_that_leaves_no_deadline_is_refused() {
    let slow = hello(None, 41);
    assert_eq!(told(&mut asking(), slow), Err(Violation::TooSlow(slow)));
    let forever = Hello {
        every: Some(Duration::MAX),
        floor: Duration::MAX,
    };
    assert_eq!(
        told(&mut asking(), forever),
        Err(Violation::TooSlow(forever))
    );
    let mut answering = Heartbeat::new(Settings::answering(at(30)), at(0));
    assert_eq!(
        told(&mut answering, forever),
        Err(Violation::TooSlow(forever))
    );
    assert_eq!(told(&mut asking(), hello(None, 40)), Ok(()));
}

#[test]
fn complaints_double_the_interval_up_to_a_limit_and_are_announced() {
    let mut heartbeat = asking();
    let mut intervals = Vec::new();
    for _ in 0..300 {
        heartbeat
            .handle_received(at(1), Received::TooOften)
            .expect("a complaint breaks no rule");
        for event in events(&mut heartbeat) {
            assert!(
                matches!(event, Event::BackedOff { every } if Some(every) == heartbeat.every())
            );
            let announced = heartbeat.poll_transmit(at(1));
            assert!(matches!(
                announced,
                Some(Transmit::Hello(Hello { every, .. })) if every == heartbeat.every()
            ));
            intervals.extend(heartbeat.every());
        }
    }
    assert_eq!(intervals, [at(12), at(24), at(40)]);
    assert_eq!(heartbeat.deadline(), Some(at(120)));
}

/// A storm of hellos must not drown the other events.
#[test]
fn of_each_kind_of_event_one_is_kept() {
    let mut heartbeat = asking();
    pass(&mut heartbeat, at(30));
    for round in 0..1_000 {
        let hello = hello(None, 7 + round % 2);
        heartbeat
            .handle_received(at(31), Received::Hello(hello))
            .expect("it is slow enough");
    }
    let events = events(&mut heartbeat);
    assert!(
        matches!(
            events[..],
            [
                Event::Silent { .. },
                Event::Recovered { .. },
                Event::Negotiated { .. }
            ]
        ),
        "{events:?}"
    );
}
