//! Who sent a RST, and whether it is what it claims to be.

use deadpeer_capture::story::{Ending, Gone, Note, Noticed};
use deadpeer_capture::{Flags, Side};

use crate::builder::{End, Talk};

fn open() -> Talk {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 100)
        .exchange(2.0, Side::Server, 100);
    talk
}

#[test]
fn a_strange_ttl_gives_a_middlebox_away() {
    let mut talk = open();
    talk.end(Side::Server).ttl = 250;
    talk.abort(30.0, Side::Server);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::ForgedReset(Side::Server));
    assert_eq!(story.verdict.gone, Gone::Nobody);
    assert_eq!(story.verdict.reset.unwrap().other_distance, Some((0, 5)));
    let said = story.timeline.last().unwrap().words();
    assert_eq!(
        said,
        "a RST in the name of the server: it came 5 hops, the server's other packets 0 hops"
    );
}

#[test]
fn a_route_that_changes_by_a_hop_is_no_forgery() {
    let mut talk = open();
    talk.end(Side::Server).ttl = 62;
    talk.abort(30.0, Side::Server);
    assert_eq!(talk.story().verdict.ending, Ending::Aborted(Side::Server));
}

#[test]
fn an_impossible_sequence_number_gives_a_forger_away() {
    let mut talk = open();
    let End { seq, .. } = *talk.end(Side::Server);
    talk.raw(
        3.0,
        Side::Server,
        (seq.wrapping_add(10_000_000), 0),
        Flags::RST,
        b"",
    );
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::ForgedReset(Side::Server));
    assert!(story.verdict.reset.unwrap().impossible);
}

#[test]
fn who_goes_on_has_not_reset() {
    let mut talk = open();
    talk.abort(3.0, Side::Server);
    talk.exchange(4.0, Side::Server, 10)
        .exchange(5.0, Side::Client, 10);
    talk.fin(6.0, Side::Client)
        .fin(6.1, Side::Server)
        .ack(6.2, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Closed);
    let reset = story.verdict.reset.unwrap();
    assert!(reset.is_forged() && reset.ignored_by_sender >= 2);
}

#[test]
fn a_reset_of_what_both_have_closed_ends_nothing() {
    let mut talk = open();
    talk.fin(2.0, Side::Client).fin(2.1, Side::Server);
    talk.ack(2.2, Side::Client).abort(2.3, Side::Client);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::Closed);
    assert!(verdict.reset.is_some());
}

#[test]
fn a_router_that_knows_no_way_ends_an_opening_without_an_answer() {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0);
    talk.unreachable(0.001, Side::Client).capture_ends(60.0);
    let story = talk.story();
    assert_eq!(
        story.verdict.noticed,
        Noticed::Router,
        "{:?}",
        story.verdict
    );
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Client));
}

#[test]
fn what_was_on_its_way_when_the_reset_came_is_no_going_on() {
    let mut talk = open();
    talk.abort(3.0, Side::Server)
        .raw(3.01, Side::Server, (1, 1), Flags::ACK, b"");
    talk.data(3.02, Side::Client, 10).disown(3.03, Side::Server);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Aborted(Side::Server));
    assert_eq!(story.verdict.reset.unwrap().repeated, 1);
}

#[test]
fn fins_of_an_older_connection_answer_no_syn() {
    // Sent when the SYNs have long ended.
    let mut talk = Talk::new();
    for at in [0.0, 1.0, 3.0, 7.0, 15.0] {
        talk.raw(at, Side::Client, (1_000, 0), Flags::SYN, b"");
    }
    for at in [66.0, 116.0] {
        let fin = Flags::FIN.and(Flags::ACK);
        talk.raw(at, Side::Server, (77_000, 500), fin, b"");
    }
    let story = talk.story();
    assert_eq!(
        story.verdict.sentence(&story),
        "the server never answered 5 SYNs, connect() gave up after 15 s to 33.5 s"
    );
}

#[test]
fn an_old_connection_is_reset_before_the_new_one_opens() {
    // The server still knows the last connection of this port and answers with its numbers (RFC
    // 5961, section 4).
    let mut talk = Talk::new();
    let syn = |talk: &mut Talk, at| {
        talk.raw(at, Side::Client, (1_000, 0), Flags::SYN, b"");
    };
    syn(&mut talk, 0.0);
    talk.raw(0.001, Side::Server, (77_000, 66_000), Flags::ACK, b"");
    talk.raw(0.002, Side::Client, (66_000, 0), Flags::RST, b"");
    syn(&mut talk, 1.0);
    let End { seq, .. } = *talk.end(Side::Server);
    talk.raw(
        1.001,
        Side::Server,
        (seq, 1_001),
        Flags::SYN.and(Flags::ACK),
        b"",
    );
    talk.raw(1.002, Side::Client, (1_001, seq + 1), Flags::ACK, b"");
    talk.capture_ends(1.5);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Open, "{:?}", story.verdict);
    assert_eq!(story.verdict.notes, [Note::OlderConnection(Side::Server)]);
    let events = story.timeline.iter();
    let words: Vec<_> = events.map(|event| event.words()).collect();
    let said = "server answers the SYN once with an acknowledgment of an older connection between the same ports";
    assert!(words.iter().any(|words| words == said), "{words:#?}");
}

/// A SYN, the server's acknowledgment of what was between these ports before, and perhaps the
/// client's RST for that.
fn stale(talk: &mut Talk, at: f64, syn: u32, reset: bool) {
    talk.raw(at, Side::Client, (syn, 0), Flags::SYN, b"");
    let answer = (77_000, 66_000);
    talk.raw(at + 0.001, Side::Server, answer, Flags::ACK, b"");
    if reset {
        talk.raw(at + 0.002, Side::Client, (66_000, 0), Flags::RST, b"");
    }
}

#[test]
fn a_stale_acknowledgment_and_a_new_syn_hang_nobody() {
    // The client resets the old connection and its application tries again with a number of its
    // own.
    let mut talk = Talk::new();
    stale(&mut talk, 0.0, 500, true);
    talk.open(1.0).exchange(2.0, Side::Client, 100);
    talk.capture_ends(20.0);
    let stories = talk.stories();
    let [first, second, _] = stories.as_slice() else {
        panic!("{stories:#?}");
    };
    assert_eq!(first.verdict.ending, Ending::Replaced);
    assert_eq!(first.verdict.gone, Gone::Nobody, "{:?}", first.verdict);
    assert_eq!(
        first.verdict.sentence(first),
        "a new connection between the same ports took its place; the server still knew an older connection between the \
         same ports and answered the SYN for that: a stale acknowledgment"
    );
    assert_eq!(second.verdict.ending, Ending::Open);
    assert_eq!(second.verdict.gone, Gone::Nobody);
    assert_eq!(second.verdict.notes, []);
}

#[test]
fn an_older_connection_of_the_same_capture_is_no_death_either() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    let old = *talk.end(Side::Server);
    talk.raw(300.0, Side::Client, (900_000, 0), Flags::SYN, b"");
    talk.raw(300.001, Side::Server, (old.seq, old.ack), Flags::ACK, b"");
    talk.raw(300.002, Side::Client, (old.ack, 0), Flags::RST, b"");
    talk.end(Side::Client).seq = 900_000;
    talk.end(Side::Server).seq = 40_000;
    talk.open(301.0);
    talk.capture_ends(302.0);
    let stories = talk.stories();
    assert_eq!(stories[0].verdict.ending, Ending::Replaced);
    for story in &stories[..2] {
        assert_eq!(story.verdict.gone, Gone::Nobody, "{:?}", story.verdict);
    }
    assert_eq!(stories[1].verdict.ending, Ending::Open);
    let note = Note::OlderConnection(Side::Server);
    assert_eq!(stories[1].verdict.notes, [note]);
}

#[test]
fn who_answers_for_an_older_connection_is_there() {
    // Something on the way swallows the RST: the server answers for the old one each time.
    let mut talk = Talk::new();
    for at in [0.0, 1.0, 3.0, 7.0, 15.0, 31.0] {
        stale(&mut talk, at, 1_000, false);
    }
    talk.capture_ends(200.0);
    let story = &talk.stories()[0];
    assert!(!story.verdict.is_death(), "{:#?}", story.verdict);
    assert_eq!(story.verdict.notes, [Note::OlderConnection(Side::Server)]);
}

#[test]
fn who_was_cut_off_by_a_forged_reset_did_not_restart() {
    let mut talk = open();
    talk.abort(5.0, Side::Client)
        .data(8.0, Side::Client, 50)
        .disown(8.001, Side::Server);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Forgotten(Side::Server));
    let said = story.verdict.sentence(&story);
    let why = "a RST in the server's name answered that it knows no such connection: a RST in the client's name, after \
               which the client went on, had ended it 3 s before";
    assert!(said.contains(why), "{said}");
    // One that cannot have been taken ended nothing.
    let mut talk = open();
    let End { seq, .. } = *talk.end(Side::Client);
    talk.raw(
        5.0,
        Side::Client,
        (seq.wrapping_add(10_000_000), 0),
        Flags::RST,
        b"",
    );
    talk.data(8.0, Side::Client, 50).disown(8.001, Side::Server);
    let story = talk.story();
    let said = story.verdict.sentence(&story);
    assert!(said.contains("its host restarted"), "{said}");
}

#[test]
fn a_reset_that_answers_an_earlier_packet_is_not_too_quick() {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0)
        .send(0.04, Side::Server, Flags::SYN.and(Flags::ACK), 0)
        .ack(0.041, Side::Client)
        .data(1.0, Side::Client, 50)
        .ack(1.04, Side::Server)
        .data(20.0, Side::Client, 50);
    let asked = talk.end(Side::Client).ack;
    talk.data(20.034, Side::Server, 10)
        .ack(20.035, Side::Client)
        .raw(20.041, Side::Server, (asked, 0), Flags::RST, b"");
    let verdict = talk.story().verdict;
    assert_eq!(verdict.reset.unwrap().too_quick, None);
    assert_eq!(verdict.ending, Ending::Aborted(Side::Server));
}
