//! Captures that lack something, or have too much of it.

use std::time::Duration;

use deadpeer_capture::story::{Ending, Event, Gone, Happening, Untold};
use deadpeer_capture::talk::What;
use deadpeer_capture::{Conversations, Flags, Kind, Limits, Link, Moment, Packet, Side};

use crate::builder::{Talk, moment};

fn take(conversations: &mut Conversations, at: Moment, frame: &[u8]) {
    conversations.take(&Packet {
        at: Some(at),
        bytes: frame,
        length: frame.len() as u32,
        link: Link::ETHERNET,
        offset: 0,
    });
}

#[test]
fn one_direction_alone_accuses_nobody() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 100)
        .exchange(2.0, Side::Client, 100);
    for n in 1..5 {
        talk.answered_probe(2.0 + f64::from(n) * 30.0, Side::Client);
    }
    // Keep what the client sent.
    talk.packets.retain(|(_, frame)| frame[29] == 1);
    talk.capture_ends(200.0);
    let (kinds, story) = talk.told();
    assert_eq!(story.one_sided, Some(Side::Client));
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Probe).count(), 4);
    assert_eq!(story.verdict.gone, Gone::Unknown, "{:?}", story.verdict);
    assert_eq!(story.verdict.untold, Some(Untold::OneSided(Side::Client)));
}

#[test]
fn answers_to_probes_that_were_not_captured_accuse_nobody() {
    // The other side's probes do not change what is echoed.
    let answers = || {
        let mut talk = Talk::midway();
        for n in 0..5 {
            talk.end(Side::Server).timestamps = Some((7000 + n * 30_000, 9000));
            talk.ack(f64::from(n) * 30.0, Side::Server);
        }
        talk
    };
    let mut aborted = answers();
    aborted.abort(150.0, Side::Server);
    let mut cut = answers();
    cut.capture_ends(300.0);
    for talk in [aborted, cut] {
        let story = talk.story();
        let server = Side::Server;
        assert_eq!(story.verdict.untold, Some(Untold::OneSided(server)));
        assert_eq!(story.settings(server).interval, None);
        let repeated = |event: &Event| matches!(event.what, Happening::Repeated(5));
        assert!(story.timeline.iter().any(repeated), "{:?}", story.timeline);
    }
    // Something that comes to the server shows that nothing else did.
    let mut talk = answers();
    let mut other = Talk::new();
    other.end(Side::Client).port = 41_000;
    other.open(1.0).exchange(2.0, Side::Client, 50);
    other.between(9, 2);
    talk.with(&other).capture_ends(300.0);
    let dead = talk.story().verdict;
    assert!(dead.is_death(), "{dead:?}");
}

#[test]
fn what_was_captured_a_month_later_is_another_capture() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    talk.data(2.0, Side::Client, 100)
        .capture_ends(31.0 * 86_400.0);
    let story = talk.story();
    assert_eq!(story.capture_ends, moment(2.0));
    assert_eq!(story.verdict.untold, None, "{:?}", story.verdict);
    assert_eq!(story.verdict.notes, []);
}

#[test]
fn packets_that_the_capture_missed_are_counted_and_accuse_nobody() {
    let mut talk = Talk::new();
    talk.open(0.0).data(1.0, Side::Client, 100);
    talk.packets.pop();
    talk.ack(1.001, Side::Server)
        .exchange(2.0, Side::Client, 50);
    talk.capture_ends(3.0);
    let story = talk.story();
    assert_eq!(story.counts(Side::Client).uncaptured, 100);
    assert_eq!(story.counts(Side::Client).retransmissions, 0);
    assert_eq!(story.verdict.ending, Ending::Open);
}

#[test]
fn a_clock_that_is_set_back_lengthens_nothing() {
    let mut talk = Talk::new();
    talk.open(1000.0).exchange(1001.0, Side::Client, 10);
    // The clock is set back by a quarter of an hour, then 20 s pass.
    talk.answered_probe(121.0, Side::Client)
        .answered_probe(141.0, Side::Client);
    let mut conversations = Conversations::new(Limits::default());
    for (at, frame) in &talk.packets {
        take(&mut conversations, *at, frame);
    }
    assert_eq!(conversations.totals().clock_steps, 1);
    let story = conversations.story(1).unwrap();
    assert!(story.last.since(story.first) < Duration::from_secs(30));
    assert!(story.timeline.is_sorted_by_key(|event| event.at));
}

#[test]
fn a_stamp_that_is_years_off_makes_nobody_wait() {
    let years = Duration::from_secs(48 * 365 * 86_400);
    for broken in [moment(0.0).plus(years), Moment::from_nanos(1)] {
        let mut talk = Talk::new();
        talk.open(0.0)
            .exchange(1.0, Side::Client, 10)
            .exchange(2.0, Side::Client, 10)
            .exchange(3.0, Side::Client, 10)
            .capture_ends(5.0);
        talk.packets[6].0 = broken;
        let mut conversations = Conversations::new(Limits::default());
        for (at, frame) in &talk.packets {
            take(&mut conversations, *at, frame);
        }
        let totals = conversations.totals();
        assert_eq!(
            (totals.mistimed, totals.apart, totals.clock_steps),
            (1, 0, 0)
        );
        let story = conversations.story(1).unwrap();
        assert_eq!(story.last.since(story.first), Duration::from_millis(3001));
        assert!(story.timeline.is_sorted_by_key(|event| event.at));
        assert_eq!(story.verdict.gone, Gone::Nobody, "{:?}", story.verdict);
    }
}

#[test]
fn overtaken_segments_are_not_sent_again() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .data(1.0, Side::Client, 100)
        .data(1.0001, Side::Client, 100);
    let last = talk.packets.len() - 1;
    let (first, second) = (talk.packets[last - 1].clone(), talk.packets[last].clone());
    talk.packets[last - 1] = (first.0, second.1);
    talk.packets[last] = (second.0, first.1);
    assert_eq!(talk.kinds()[3..], [Kind::Data, Kind::Reordered]);
}

#[test]
fn ports_are_used_again() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .fin(1.0, Side::Client)
        .fin(1.1, Side::Server)
        .ack(1.2, Side::Client);
    let mut again = Talk::new();
    again.end(Side::Client).seq = 99_000;
    again.end(Side::Server).seq = 88_000;
    again.open(61.0).exchange(62.0, Side::Client, 10);
    let mut conversations = Conversations::new(Limits::default());
    for (at, frame) in talk.packets.iter().chain(&again.packets) {
        take(&mut conversations, *at, frame);
    }
    assert_eq!(conversations.totals().connections, 2);
    assert_eq!(
        conversations.story(1).unwrap().verdict.ending,
        Ending::Closed
    );
    assert_eq!(conversations.story(2).unwrap().verdict.ending, Ending::Open);
}

#[test]
fn a_client_that_restarts_opens_anew_from_the_same_port() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.raw(300.0, Side::Client, (77_000, 0), Flags::SYN, b"");
    let mut conversations = Conversations::new(Limits::default());
    for (at, frame) in &talk.packets {
        take(&mut conversations, *at, frame);
    }
    let story = conversations.story(1).unwrap();
    assert_eq!(story.verdict.ending, Ending::Replaced);
    assert!(matches!(
        story.timeline.last().unwrap().what,
        Happening::Replaced
    ));
}

#[test]
fn memory_is_bounded_and_what_is_forgotten_is_counted() {
    let mut conversations = Conversations::new(Limits {
        connections: 100,
        ..Limits::default()
    });
    for n in 0..1000_u16 {
        let mut talk = Talk::new();
        talk.end(Side::Client).port = 10_000 + n;
        talk.open(f64::from(n));
        // Every tenth stays open.
        if n % 10 > 0 {
            talk.fin(f64::from(n) + 0.1, Side::Client)
                .fin(f64::from(n) + 0.2, Side::Server)
                .ack(f64::from(n) + 0.3, Side::Client);
        }
        for (at, frame) in &talk.packets {
            take(&mut conversations, *at, frame);
        }
    }
    assert_eq!(conversations.totals().connections, 1000);
    assert_eq!(conversations.totals().evicted, 900);
    let stories: Vec<_> = conversations.stories().collect();
    assert_eq!(stories.len(), 100);
    let open = stories
        .iter()
        .filter(|story| story.verdict.ending == Ending::Open)
        .count();
    assert!(open > 60, "those that are over go first, {open} are open");
}

#[test]
fn a_restless_connection_keeps_its_first_and_its_latest_episodes() {
    let mut talk = Talk::new();
    talk.open(0.0);
    for n in 0..500 {
        let at = f64::from(n) * 100.0;
        talk.exchange(at + 10.0, Side::Client, 10)
            .answered_probe(at + 70.0, Side::Server);
    }
    let story = talk.story();
    assert!(story.timeline.len() < 70, "{}", story.timeline.len());
    let left_out = story.timeline.iter().find_map(|event| {
        let Happening::Episode(What::LeftOut { episodes }) = &event.what else {
            return None;
        };
        Some(*episodes)
    });
    assert!(left_out.unwrap() > 900);
    assert_eq!(story.counts(Side::Server).probes_answered, 500);
    assert!(story.timeline.last().unwrap().at >= moment(49_900.0));
}
