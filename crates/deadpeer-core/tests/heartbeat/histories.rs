//! Single histories of one end.

use std::time::Duration;

use deadpeer_core::heartbeat::{
    Event, Heartbeat, Received, Sent, Settings, Standing, Transmit, Violation, Why,
};

pub(crate) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An end that asks about every six seconds and has introduced itself.
pub(crate) fn asking() -> Heartbeat {
    let mut heartbeat = Heartbeat::new(Settings::within(at(30)).every(at(6)), at(0));
    assert!(matches!(
        heartbeat.poll_transmit(at(0)),
        Some(Transmit::Hello(_))
    ));
    heartbeat.handle_sent(at(0), Sent::Data);
    heartbeat
}

/// Lets time pass until `end`, with a transport that takes all: the frames, and the events.
pub(crate) fn pass(heartbeat: &mut Heartbeat, end: Duration) -> Vec<(Duration, Transmit)> {
    let mut frames = Vec::new();
    while let Some(wake) = heartbeat.poll_timeout().filter(|wake| wake.at <= end) {
        heartbeat.handle_timeout(wake.at);
        frames.extend(write(heartbeat, wake.at).map(|frame| (wake.at, frame)));
    }
    frames
}

/// Writes what is due; at most one frame at a time is.
pub(crate) fn write(heartbeat: &mut Heartbeat, now: Duration) -> Option<Transmit> {
    let frame = heartbeat.poll_transmit(now)?;
    heartbeat.handle_sent(now, Sent::from(&frame));
    assert_eq!(heartbeat.poll_transmit(now), None);
    Some(frame)
}

pub(crate) fn events(heartbeat: &mut Heartbeat) -> Vec<Event> {
    std::iter::from_fn(|| heartbeat.poll_event()).collect()
}

fn heard(heartbeat: &mut Heartbeat, now: Duration) {
    let fine = heartbeat.handle_received(now, Received::Data);
    fine.expect("data breaks no rule");
}

#[test]
fn a_peer_that_says_nothing_is_asked_and_called_silent_at_the_deadline() {
    let mut heartbeat = asking();
    let frames = pass(&mut heartbeat, at(60));
    let pings: Vec<Duration> = frames.iter().map(|(now, _)| *now).collect();
    assert!(
        frames.iter().zip(1..).all(
            |((_, frame), n)| matches!(frame, Transmit::Ping { sequence, .. } if *sequence == n)
        )
    );
    for pair in pings.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(
            gap >= Duration::from_millis(4_500) && gap <= at(6),
            "{gap:?}"
        );
    }
    assert!(
        pings.len() <= 8,
        "no more than eight open questions: {pings:?}"
    );
    let told = events(&mut heartbeat);
    let [Event::Silent { since, unanswered }] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(since, at(30));
    assert!((4..=6).contains(&unanswered), "{unanswered}");
    assert!(matches!(
        heartbeat.standing(at(60)),
        Standing::Silent { age, .. } if age == at(60)
    ));
}

#[test]
fn what_we_write_proves_nothing() {
    let mut heartbeat = asking();
    for second in 1..=30 {
        pass(&mut heartbeat, at(second));
        heartbeat.handle_sent(at(second), Sent::Data);
    }
    assert!(matches!(events(&mut heartbeat)[..], [Event::Silent { .. }]));
}

#[test]
fn whatever_is_received_proves_life_and_a_pong_need_not_come() {
    let mut heartbeat = asking();
    for round in 1..100 {
        pass(&mut heartbeat, at(round * 25));
        heard(&mut heartbeat, at(round * 25));
    }
    assert_eq!(events(&mut heartbeat), []);
    // It has left eight pings open long ago, so none can be asked now. Its death is noticed all the
    // same.
    pass(&mut heartbeat, at(99 * 25 + 30));
    assert!(matches!(
        events(&mut heartbeat)[..],
        [Event::Silent { since, .. }] if since == at(30)
    ));
}

#[test]
fn while_data_flows_both_ways_nobody_is_asked() {
    let mut heartbeat = asking();
    for second in 1..1_000 {
        assert_eq!(pass(&mut heartbeat, at(second)), []);
        heard(&mut heartbeat, at(second));
        heartbeat.handle_sent(at(second), Sent::Data);
    }
    assert_eq!(heartbeat.standing(at(999)), Standing::Alive { age: at(0) });
}

/// The other end may rely on hearing us.
#[test]
fn who_only_listens_still_speaks_at_its_interval() {
    let mut heartbeat = asking();
    let mut frames = Vec::new();
    for second in 1..=60 {
        frames.extend(pass(&mut heartbeat, at(second)));
        heard(&mut heartbeat, at(second));
    }
    let gaps = frames.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(gaps.max() <= Some(at(6)), "{frames:?}");
}

#[test]
fn a_blocked_write_is_not_the_peers_silence() {
    let mut heartbeat = asking();
    let wake = heartbeat.poll_timeout().expect("a ping is due");
    assert_eq!(wake.why, Why::Ask);
    heartbeat.handle_timeout(wake.at);
    let ping = heartbeat.poll_transmit(wake.at).expect("a ping");
    // The transport takes nothing.
    assert_eq!(pass(&mut heartbeat, wake.at + at(29)), []);
    assert_eq!(events(&mut heartbeat), []);
    pass(&mut heartbeat, wake.at + at(30));
    assert_eq!(events(&mut heartbeat), [Event::Stuck { since: at(30) }]);
    // It takes the ping in the end: the peer has its time to answer, from now on.
    let taken = wake.at + at(40);
    heartbeat.handle_sent(taken, Sent::from(&ping));
    assert_eq!(events(&mut heartbeat), [Event::Unstuck]);
    pass(&mut heartbeat, taken + at(23));
    assert_eq!(events(&mut heartbeat), []);
    pass(&mut heartbeat, taken + at(24));
    assert!(matches!(events(&mut heartbeat)[..], [Event::Silent { .. }]));
}

#[test]
fn a_slow_reader_that_speaks_is_stuck_and_not_silent() {
    let mut heartbeat = asking();
    heartbeat.handle_blocked(at(1));
    for second in 2..=31 {
        heard(&mut heartbeat, at(second));
        heartbeat.handle_blocked(at(second));
        heartbeat.handle_timeout(at(second));
    }
    assert_eq!(events(&mut heartbeat), [Event::Stuck { since: at(30) }]);
    assert_eq!(
        heartbeat.standing(at(31)),
        Standing::Stuck {
            since: at(30),
            age: at(0)
        }
    );
}

#[test]
fn a_mistake_is_taken_back_with_its_duration() {
    let mut heartbeat = asking();
    pass(&mut heartbeat, at(37));
    heard(&mut heartbeat, at(37));
    assert!(matches!(
        events(&mut heartbeat)[..],
        [Event::Silent { .. }, Event::Recovered { mistaken }] if mistaken == at(7)
    ));
    assert_eq!(heartbeat.standing(at(37)), Standing::Alive { age: at(0) });
}

#[test]
fn an_answer_tells_the_round_trip() {
    let mut heartbeat = asking();
    let frames = pass(&mut heartbeat, at(6));
    let [(sent, Transmit::Ping { sequence, echo })] = frames[..] else {
        panic!("{frames:?}");
    };
    let now = sent + Duration::from_millis(123);
    let echo = Some(echo);
    let pong = Received::Pong { sequence, echo };
    heartbeat
        .handle_received(now, pong)
        .expect("it was asked for");
    assert_eq!(heartbeat.round_trip(), Some(Duration::from_millis(123)));
    let again = heartbeat.handle_received(now, pong);
    assert_eq!(again, Err(Violation::UnaskedPong { sequence }));
}

#[test]
fn a_pong_that_was_never_asked_for_is_refused() {
    let mut heartbeat = asking();
    heartbeat.ask(at(1));
    let Some(Transmit::Ping { sequence, echo }) = write(&mut heartbeat, at(1)) else {
        panic!("no ping");
    };
    let mut pong =
        |sequence, echo| heartbeat.handle_received(at(2), Received::Pong { sequence, echo });
    for unasked in [0, 2, u64::MAX] {
        let refused = Err(Violation::UnaskedPong { sequence: unasked });
        assert_eq!(pong(unasked, None), refused);
    }
    let wrong = echo.wrapping_add(1);
    assert_eq!(
        pong(sequence, Some(wrong)),
        Err(Violation::WrongEcho { sequence })
    );
    assert_eq!(
        pong(sequence, None),
        Ok(()),
        "a format without room for an echo"
    );
}

/// Reader and writer may be two tasks: the answer may be reported before the question was.
#[test]
fn an_answer_may_be_told_before_its_question_was_reported_as_sent() {
    let mut heartbeat = asking();
    heartbeat.ask(at(1));
    let ping = heartbeat.poll_transmit(at(1)).expect("a ping");
    let pong = Received::Pong {
        sequence: 1,
        echo: None,
    };
    assert_eq!(heartbeat.handle_received(at(2), pong), Ok(()));
    heartbeat.handle_sent(at(3), Sent::from(&ping));
    assert_eq!(heartbeat.standing(at(3)), Standing::Alive { age: at(1) });
}

fn ping(sequence: u64) -> Received {
    let echo = Some(sequence * 7);
    Received::Ping { sequence, echo }
}

#[test]
fn several_pings_are_answered_by_one_pong() {
    let mut heartbeat = asking();
    for sequence in 1..=9 {
        let fine = heartbeat.handle_received(at(1), ping(sequence));
        assert_eq!(fine, Ok(()), "what a path held up arrives in a bunch");
    }
    let pong = Transmit::Pong {
        sequence: 9,
        echo: Some(63),
    };
    assert_eq!(write(&mut heartbeat, at(1)), Some(pong));
}

#[test]
fn a_flood_is_complained_of_and_then_refused() {
    let mut heartbeat = asking();
    let mut complaints = Vec::new();
    let refused = (1..1_000).find(|sequence| {
        let heard = heartbeat.handle_received(at(1), ping(*sequence));
        while let Some(frame) = heartbeat.poll_transmit(at(1)) {
            if frame == Transmit::TooOften {
                complaints.push(*sequence);
            }
        }
        heard == Err(Violation::TooManyPings { floor: at(1) })
    });
    assert_eq!((complaints, refused), (vec![10, 11], Some(12)));
}

/// Two ends that both ask, over a path without delay: the pings of each until `end`.
fn converse(ends: &mut [Heartbeat; 2], end: Duration) -> [usize; 2] {
    let mut pings = [0; 2];
    while let Some((wake, asks)) = (0..2)
        .filter_map(|i| ends[i].poll_timeout().map(|wake| (wake.at, i)))
        .min()
        .filter(|(wake, _)| *wake <= end)
    {
        ends[asks].handle_timeout(wake);
        let Some(Transmit::Ping { sequence, echo }) = write(&mut ends[asks], wake) else {
            panic!("a ping was due at {wake:?}");
        };
        pings[asks] += 1;
        let echo = Some(echo);
        let answers = &mut ends[1 - asks];
        let fine = answers.handle_received(wake, Received::Ping { sequence, echo });
        fine.expect("no flood");
        assert_eq!(
            write(answers, wake),
            Some(Transmit::Pong { sequence, echo })
        );
        let fine = ends[asks].handle_received(wake, Received::Pong { sequence, echo });
        fine.expect("it was asked for");
    }
    pings
}

/// One ping serves both ends: it proves life to whom it reaches, and its pong to whom asked. Who
/// would ask later has nothing to ask, perhaps never; it does once the other falls silent, and is
/// no later for it.
#[test]
fn of_two_ends_that_ask_the_earlier_one_asks_for_both() {
    let hour = at(3_600);
    for seed in 0..100 {
        let mut ends = [seed, seed + 1_000].map(|seed| {
            let settings = Settings::within(at(30)).every(at(6)).seed(seed);
            Heartbeat::new(settings.without_hello(), at(0))
        });
        let pings = converse(&mut ends, hour);
        let both: usize = pings.iter().sum();
        assert!((600..=800).contains(&both), "one in 4.5 to 6 s: {pings:?}");
        for end in &mut ends {
            assert_eq!(events(end), [], "{pings:?}");
            let Standing::Alive { age } = end.standing(hour) else {
                panic!("{pings:?}: {:?}", end.standing(hour));
            };
            assert!(age <= at(6), "{age:?}");
            // Now the other is gone, whoever of them asked until now.
            let asked = pass(end, hour + at(30));
            assert!(asked.len() >= 4, "{asked:?}");
            let told = events(end);
            assert!(
                matches!(told[..], [Event::Silent { since, .. }] if since == at(30)),
                "{told:?}"
            );
        }
    }
}
