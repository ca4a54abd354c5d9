//! What the common rule (0 or 1 byte, one below the next sequence number) gets wrong, and what it
//! is.

use deadpeer_capture::Kind::{self, *};
use deadpeer_capture::story::{Ending, Noticed};
use deadpeer_capture::{Flags, Side};

use crate::builder::{End, Talk};

fn count(kinds: &[Kind], kind: Kind) -> usize {
    kinds.iter().filter(|k| **k == kind).count()
}

#[test]
fn a_linux_window_probe_is_no_keepalive() {
    let mut talk = Talk::new();
    talk.open(0.0).data(1.0, Side::Client, 1000);
    talk.end(Side::Server).window = 0;
    talk.ack(1.001, Side::Server);
    for n in 0..20 {
        talk.answered_probe(1.3 + f64::from(n), Side::Client);
    }
    let kinds = talk.kinds();
    assert_eq!(
        (count(&kinds, WindowProbe), count(&kinds, WindowProbeAnswer)),
        (20, 20)
    );
    assert_eq!((count(&kinds, Probe), count(&kinds, ProbeAnswer)), (0, 0));
    assert_eq!(count(&kinds, WindowClosed), 1);
}

#[test]
fn a_window_probe_with_a_byte_is_no_keepalive() {
    let mut talk = Talk::new();
    talk.open(0.0).data(1.0, Side::Client, 1000);
    talk.end(Side::Server).window = 0;
    talk.ack(1.001, Side::Server);
    let End { seq, ack, .. } = *talk.end(Side::Client);
    for n in 0..5 {
        let at = 6.0 + f64::from(n) * 5.0;
        talk.raw(at, Side::Client, (seq, ack), Flags::ACK, b"y")
            .ack(at + 0.001, Side::Server);
    }
    let kinds = talk.kinds();
    assert_eq!(
        (count(&kinds, WindowProbe), count(&kinds, WindowProbeAnswer)),
        (5, 5)
    );
    assert_eq!(count(&kinds, Data), 1);
}

#[test]
fn a_lone_byte_sent_again_is_no_keepalive() {
    // As ssh and telnet do: one key, lost on its way.
    let mut talk = Talk::new();
    talk.open(0.0).data(1.0, Side::Client, 1);
    talk.again(1.2, Side::Client, 1)
        .again(1.6, Side::Client, 1)
        .ack(1.601, Side::Server);
    assert_eq!(
        talk.kinds()[3..],
        [Data, Retransmission, Retransmission, Ack]
    );
}

#[test]
fn a_lone_byte_whose_acknowledgment_was_lost_is_no_keepalive() {
    // Captured at the receiver: the acknowledgment goes out, the byte comes again all the same.
    let mut talk = Talk::new();
    talk.open(0.0)
        .data(1.0, Side::Client, 1)
        .ack(1.0001, Side::Server);
    talk.again(1.8, Side::Client, 1).ack(1.8001, Side::Server);
    talk.again(3.4, Side::Client, 1).ack(3.4001, Side::Server);
    let kinds = talk.kinds();
    assert_eq!(
        (count(&kinds, Retransmission), count(&kinds, Probe)),
        (2, 0),
        "{kinds:?}"
    );
}

#[test]
fn garbage_after_a_lone_byte_is_a_keepalive() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .data(1.0, Side::Client, 1)
        .ack(1.001, Side::Server);
    // The garbage differs from the byte, or comes when no byte would be sent again.
    talk.probe_with(3.0, Side::Client, b"\0")
        .ack(3.001, Side::Server);
    talk.probe_with(33.0, Side::Client, b"x")
        .ack(33.001, Side::Server);
    assert_eq!(talk.kinds()[5..], [Probe, ProbeAnswer, Probe, ProbeAnswer]);
}

#[test]
fn an_old_acknowledgment_after_the_fin_is_no_keepalive() {
    // Overtaken by the FIN, it repeats the sequence number before it.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Server, 10);
    let End { seq, ack, .. } = *talk.end(Side::Client);
    talk.fin(2.0, Side::Client);
    talk.raw(2.0001, Side::Client, (seq, ack), Flags::ACK, b"");
    talk.ack(2.001, Side::Server);
    talk.raw(2.0015, Side::Client, (seq, ack), Flags::ACK, b"");
    let kinds = talk.kinds();
    assert_eq!(count(&kinds, Probe), 0, "{kinds:?}");
}

#[test]
fn a_capture_with_everything_twice_has_no_more_probes() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 1)
        .answered_probe(31.0, Side::Client);
    let once = talk.kinds();
    let mut twice = Talk::new();
    for (at, frame) in &talk.packets {
        twice.packets.push((*at, frame.clone()));
        twice.seen_twice(0.000_02);
    }
    let kinds = twice.kinds();
    let (real, copies): (Vec<Kind>, Vec<Kind>) = kinds.iter().partition(|kind| **kind != SeenTwice);
    assert_eq!(real, once);
    assert_eq!(copies.len(), once.len());
    assert_eq!(count(&kinds, Probe), 1);
    assert_eq!(count(&kinds, Retransmission), 0);
    assert_eq!(twice.story().counts(Side::Client).seen_twice, 4);
}

#[test]
fn a_first_byte_after_silence_is_data() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 10)
        .exchange(100.0, Side::Client, 1);
    assert_eq!(talk.kinds()[5..], [Data, Ack]);
}

#[test]
fn the_probes_of_a_capture_that_begins_on_an_idle_connection_are_found() {
    let mut talk = Talk::midway();
    for n in 0..3 {
        talk.answered_probe(f64::from(n) * 30.0, Side::Server);
    }
    let story = talk.story();
    let counts = story.counts(Side::Server);
    assert_eq!((counts.probes, counts.probes_answered), (3, 3));
    assert_eq!(counts.uncaptured, 0);
    assert_eq!(
        talk.kinds()[1..],
        [ProbeAnswer, Probe, ProbeAnswer, Probe, ProbeAnswer]
    );
}

#[test]
fn they_are_found_too_when_nobody_answers() {
    let mut talk = Talk::midway();
    for n in 0..6 {
        talk.probe(f64::from(n) * 10.0, Side::Server);
    }
    talk.abort(60.0, Side::Server);
    let story = talk.story();
    assert_eq!(story.counts(Side::Server).probes, 6);
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Server));
    assert_eq!(story.verdict.noticed, Noticed::Keepalive);
    assert_eq!(story.verdict.unanswered, 6);
    assert_eq!(story.settings(Side::Server).interval.unwrap().seconds, 10);
}

#[test]
fn answers_of_which_only_one_direction_was_captured_are_no_probes() {
    // Each echoes a newer timestamp: it heard somebody.
    let mut talk = Talk::midway();
    for n in 0..5 {
        talk.end(Side::Server).timestamps = Some((7_000 + n, 9_000 + n));
        talk.ack(f64::from(n) * 10.0, Side::Server);
    }
    assert_eq!(talk.story().counts(Side::Server).probes, 0);
}

#[test]
fn both_sides_may_probe_at_once() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.probe(61.0, Side::Client)
        .probe(61.002, Side::Server)
        .ack(61.003, Side::Server)
        .ack(61.004, Side::Client);
    assert_eq!(talk.kinds()[5..], [Probe, Probe, ProbeAnswer, ProbeAnswer]);
    let story = talk.story();
    for side in Side::BOTH {
        let counts = story.counts(side);
        assert_eq!((counts.probes, counts.probes_answered), (1, 1), "{side}");
    }
}

#[test]
fn an_answer_may_change_the_window_or_carry_data() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 10)
        .probe(31.0, Side::Client);
    talk.end(Side::Server).window = 700;
    talk.ack(31.001, Side::Server);
    talk.probe(62.0, Side::Client)
        .data(62.0005, Side::Server, 20)
        .ack(62.001, Side::Client);
    let kinds = talk.kinds();
    assert_eq!(kinds[5..], [Probe, ProbeAnswer, Probe, Data, Ack]);
    let story = talk.story();
    let counts = story.counts(Side::Client);
    assert_eq!((counts.probes, counts.probes_answered), (2, 2));
}

#[test]
fn sequence_numbers_may_wrap_at_the_probe() {
    for seq in [0_u32, 1, u32::MAX, 0x8000_0000] {
        let mut talk = Talk::new();
        talk.end(Side::Client).seq = seq.wrapping_sub(11);
        talk.open(0.0).exchange(1.0, Side::Client, 10);
        assert_eq!(talk.end(Side::Client).seq, seq);
        talk.answered_probe(61.0, Side::Client);
        assert_eq!(talk.kinds()[5..], [Probe, ProbeAnswer], "{seq}");
    }
}

#[test]
fn keepalive_goes_on_after_ones_own_fin() {
    // In FIN_WAIT2, with the descriptor kept open (net/ipv4/tcp_timer.c, tcp_keepalive_timer).
    let mut talk = Talk::new();
    talk.open(0.0)
        .fin(1.0, Side::Client)
        .ack(1.001, Side::Server);
    talk.answered_probe(11.0, Side::Client)
        .answered_probe(21.0, Side::Client);
    assert_eq!(talk.story().counts(Side::Client).probes, 2);
}
