//! Who sent a RST, and whether it is what it claims to be.

use deadpeer_capture::story::{Ending, Gone};
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
fn an_old_connection_is_reset_before_the_new_one_opens() {
    // The server still knows the last connection of this port and answers with its numbers (RFC 5961, section 4).
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
}
