//! A side that closed while it was still asking: what comes late it resets, gone or not.

use deadpeer_capture::story::{Ending, Evidence, Gone, Noticed};
use deadpeer_capture::{Flags, Side};

use crate::builder::{End, Talk, seconds};

/// The client asks in vain, closes after 3.5 s, and asks a last time at 4.0 s.
fn closes_while_asking() -> Talk {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Server, 20);
    talk.data(1.0, Side::Client, 50);
    talk.again_doubling(1.0, Side::Client, 50, 3);
    talk.fin(3.5, Side::Client);
    let End { seq, ack, .. } = *talk.end(Side::Client);
    let flags = Flags::FIN.and(Flags::PSH).and(Flags::ACK);
    talk.raw(
        4.0,
        Side::Client,
        (seq.wrapping_sub(51), ack),
        flags,
        &[b'x'; 50],
    );
    talk
}

#[test]
fn who_is_answered_at_last_was_left_by_nobody() {
    let mut talk = closes_while_asking();
    talk.fin(4.1, Side::Server)
        .disown(4.1001, Side::Client)
        .capture_ends(60.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::Nobody, "{verdict:?}");
    assert_eq!(verdict.ending, Ending::Aborted(Side::Client));
}

#[test]
fn who_speaks_and_acknowledges_nothing_was_not_reached() {
    let mut talk = closes_while_asking();
    talk.forget(Side::Server, 51);
    talk.data(6.0, Side::Server, 20)
        .disown(6.0001, Side::Client)
        .capture_ends(60.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::NotReceiving(Side::Server));
    assert_eq!(verdict.noticed, Noticed::Application);
    let (noticed, _) = verdict.noticed_at.unwrap();
    assert!((seconds(noticed) - 3.5).abs() < 0.001, "{verdict:?}");
}

#[test]
fn who_asks_all_the_while_is_not_idle() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Server, 20);
    talk.data(1.0, Side::Client, 50);
    let last = talk.again_doubling(1.0, Side::Client, 50, 8);
    talk.forget(Side::Server, 50)
        .disown(last + 0.05, Side::Server);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::Connection, "{verdict:?}");
    let idle = |found: &Evidence| matches!(found, Evidence::Idle { .. });
    assert!(!verdict.evidence.iter().any(idle), "{verdict:?}");
}
