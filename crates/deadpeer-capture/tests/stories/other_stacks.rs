//! What Windows, macOS, scanners, load balancers and recordings do that a Linux host does not.

use deadpeer_capture::story::{Ending, Evidence, Gone, Note, Noticed, Untold};
use deadpeer_capture::{Flags, Side, Story};

use crate::builder::{End, Talk};

fn sentence(story: &Story) -> String {
    story.verdict.sentence(story)
}

/// A keepalive probe of Windows: the last byte again, as a zero.
fn garbage(talk: &mut Talk, at: f64) -> &mut Talk {
    talk.probe_with(at, Side::Client, b"\0")
}

#[test]
fn a_capture_may_begin_with_the_garbage_of_a_probe() {
    // Windows asks ten times, a second apart, and then resets.
    let mut talk = Talk::midway();
    for n in 0..10 {
        garbage(&mut talk, f64::from(n));
    }
    talk.abort(10.0, Side::Client).capture_ends(30.0);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(story.verdict.noticed, Noticed::Keepalive);
    assert_eq!(story.counts(Side::Client).probes, 10);
}

#[test]
fn garbage_that_is_answered_each_time_hangs_nobody() {
    let mut talk = Talk::midway();
    for n in 0..20 {
        let at = f64::from(n) * 1.01;
        garbage(&mut talk, at).ack(at + 0.02, Side::Server);
    }
    let story = talk.story();
    let counts = story.counts(Side::Client);
    assert_eq!((counts.probes, counts.probes_answered), (20, 20));
    assert_eq!(story.verdict.gone, Gone::Nobody, "{:?}", story.verdict);
}

#[test]
fn what_is_sent_again_may_have_grown() {
    // Windows sends what was written since along with what was lost.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Client, 10);
    let End { seq, ack, .. } = *talk.end(Side::Client);
    let push = Flags::PSH.and(Flags::ACK);
    for (at, length) in [(1.0, 33), (1.3, 67), (1.9, 133), (3.1, 267), (5.5, 536)] {
        talk.raw(at, Side::Client, (seq, ack), push, &vec![b'x'; length]);
    }
    talk.capture_ends(7.0);
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Side(Side::Server));
    assert_eq!(story.verdict.unanswered, 4);
}

#[test]
fn a_timer_that_doubles_no_more_has_a_beat_too() {
    // As macOS sends its FIN before it gives up.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Client, 10);
    let times = [1.0, 1.3, 1.9, 3.1, 5.3, 7.5, 9.7, 11.9];
    let End { seq, ack, .. } = *talk.end(Side::Client);
    for at in times {
        talk.raw(
            at,
            Side::Client,
            (seq, ack),
            Flags::FIN.and(Flags::ACK),
            b"",
        );
    }
    talk.raw(
        14.1,
        Side::Client,
        (seq + 1, ack),
        Flags::RST.and(Flags::ACK),
        b"",
    );
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(story.verdict.noticed, Noticed::Retransmission);
    let said = sentence(&story);
    let begins = "the server was gone after the client had closed; retransmission noticed";
    assert!(said.starts_with(begins), "{said}");
}

#[test]
fn two_segments_may_be_sent_again_each_time_the_timer_runs_out() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Server, 10);
    let End { seq, ack, .. } = *talk.end(Side::Server);
    let waits = [0.0, 1.5, 3.0, 6.0, 12.0, 15.6, 15.6, 15.6];
    let mut at = 1.0;
    for wait in waits {
        at += wait;
        for (after, seq) in [(0.0, seq), (0.000_012, seq + 1400)] {
            talk.raw(
                at + after,
                Side::Server,
                (seq, ack),
                Flags::ACK,
                &[b'x'; 1400],
            );
        }
    }
    let reset = Flags::RST.and(Flags::ACK);
    talk.raw(at + 15.6, Side::Server, (seq + 2800, ack), reset, b"");
    let story = talk.story();
    assert_eq!(story.verdict.unanswered, 7);
    assert_eq!(
        sentence(&story),
        "the client was gone with data in flight; retransmission noticed after 85.4 s: ETIMEDOUT"
    );
    // Not the wait of Linux, which would have given up without a RST.
    let wait = story.wait().unwrap();
    assert!(wait.contains("is no Linux"), "{wait}");
    let settings = story.settings(Side::Server).words().unwrap();
    let gives_up = "gives up 83.4 s after its first retransmission timeout";
    assert!(settings.ends_with(gives_up), "{settings}");
}

#[test]
fn who_answered_the_syn_may_reset_what_another_host_went_on_with() {
    // A load balancer completes the handshake, and ends what was idle for too long.
    let mut talk = Talk::new();
    talk.end(Side::Server).ttl = 231;
    talk.open(0.0);
    talk.end(Side::Server).ttl = 212;
    talk.exchange(1.0, Side::Client, 50)
        .exchange(1.1, Side::Server, 50);
    talk.end(Side::Server).ttl = 231;
    talk.abort(142.0, Side::Server);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Aborted(Side::Server));
    assert_eq!(story.verdict.reset.unwrap().other_distance, None);
}

#[test]
fn who_has_heard_everything_needs_no_window() {
    // As some systems answer a FIN that comes again.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Client, 10);
    talk.fin(1.0, Side::Server).ack(1.001, Side::Client);
    talk.fin(1.002, Side::Client).ack(1.003, Side::Server);
    let End { seq, ack, .. } = *talk.end(Side::Client);
    let fin = Flags::FIN.and(Flags::ACK);
    talk.raw(13.1, Side::Client, (seq - 1, ack), fin, b"");
    talk.end(Side::Server).window = 0;
    talk.ack(13.101, Side::Server);
    let story = talk.story();
    let said = story.timeline.last().unwrap().words();
    assert!(!said.contains("window"), "{said}");
}

#[test]
fn a_recording_that_is_played_again_convicts_nobody() {
    let mut talk = Talk::midway();
    for n in 0..50 {
        talk.end(Side::Server).id = 0x90d4;
        let End { seq, ack, .. } = *talk.end(Side::Server);
        let push = Flags::PSH.and(Flags::ACK);
        talk.raw(f64::from(n), Side::Server, (seq, ack), push, &[b'x'; 80]);
    }
    talk.capture_ends(55.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.untold, Some(Untold::Replayed(49)), "{verdict:#?}");
}

#[test]
fn a_second_answer_to_the_syn_is_a_strangers() {
    // The SYN and its repetition reached two hosts behind a load balancer; the client takes the
    // first answer, and the other host asks until it is tired.
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0);
    let End { seq, .. } = *talk.end(Side::Server);
    let answer = Flags::SYN.and(Flags::ACK);
    talk.send(1.1, Side::Server, answer, 0)
        .ack(1.101, Side::Client);
    for at in [1.2, 2.2, 4.2, 8.2] {
        talk.raw(at, Side::Server, (seq + 800_000, 1_001), answer, b"")
            .ack(at + 0.001, Side::Client);
    }
    talk.exchange(9.0, Side::Client, 50).capture_ends(10.0);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Open, "{:#?}", story.verdict);
    assert_eq!(story.verdict.gone, Gone::Nobody);
    assert_eq!(story.verdict.notes, [Note::AnotherAnswer(Side::Client)]);
    assert_eq!(story.counts(Side::Server).uncaptured, 0);
}

#[test]
fn a_scanner_that_comes_back_opens_another_connection() {
    let mut talk = Talk::new();
    for at in [0.0, 36_000.0] {
        talk.raw(at, Side::Client, (1_000, 0), Flags::SYN, b"");
    }
    talk.capture_ends(40_000.0);
    let stories = talk.stories();
    assert_eq!(stories.len(), 3);
    for story in &stories[..2] {
        assert_eq!(story.verdict.untold, Some(Untold::LoneSyn));
        assert_eq!(story.verdict.notes, []);
    }
}

#[test]
fn a_routers_word_ends_an_opening_whatever_else_the_capture_shows() {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0);
    talk.unreachable(0.001, Side::Client);
    talk.with(
        Talk::new()
            .open(1.0)
            .exchange(60.0, Side::Client, 50)
            .between(7, 8),
    );
    let verdict = talk.stories()[0].verdict.clone();
    assert_eq!(verdict.noticed, Noticed::Router, "{verdict:#?}");
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
}

/// A handshake that takes so long, and some data.
fn far_away(way: f64) -> Talk {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0)
        .send(way, Side::Server, Flags::SYN.and(Flags::ACK), 0)
        .ack(way + 0.001, Side::Client)
        .data(10.0, Side::Client, 50)
        .ack(10.0 + way, Side::Server);
    talk
}

#[test]
fn who_had_closed_may_reset_before_it_hears_of_the_last_packet() {
    let mut talk = far_away(0.03);
    talk.fin(20.0, Side::Server).ack(20.0001, Side::Client);
    talk.abort(20.0005, Side::Server);
    let story = talk.story();
    assert_eq!(story.verdict.reset.unwrap().too_quick, None);
    assert_eq!(story.verdict.ending, Ending::Aborted(Side::Server));
    // Nor does a handshake that waited for seconds say how far the way is.
    let mut talk = far_away(5.2);
    talk.data(20.0, Side::Client, 50).abort(20.1, Side::Server);
    assert_eq!(talk.story().verdict.ending, Ending::Aborted(Side::Server));
}

#[test]
fn a_hosts_own_idle_timeout_is_no_load_balancers() {
    let end_after = |side: Side, way: u8| {
        let mut talk = Talk::new();
        talk.end(Side::Server).ttl = way;
        talk.open(0.0).exchange(0.1, Side::Client, 50);
        talk.abort(60.101, side);
        sentence(&talk.story())
    };
    let own = end_after(Side::Client, 52);
    let idle = "idle 60.0 s, then RST of its own host: looks like an idle timeout of 60 s";
    assert!(own.ends_with(idle), "{own}");
    let routed = end_after(Side::Server, 52);
    assert!(routed.contains("AWS ALB"), "{routed}");
}

#[test]
fn nobody_gives_up_at_a_window_that_has_just_closed() {
    let mut talk = Talk::new();
    talk.open(0.0).data(1.0, Side::Client, 1000);
    talk.end(Side::Server).window = 0;
    talk.ack(1.001, Side::Server);
    talk.answered_probe(1.4, Side::Client)
        .answered_probe(1.8, Side::Client)
        .capture_ends(20.0);
    assert_eq!(talk.story().verdict.ending, Ending::Open);
}

#[test]
fn a_half_open_scan_is_no_abort() {
    // nmap makes its SYN by itself, with any TTL; the kernel knows nothing of it.
    let mut talk = Talk::new();
    talk.end(Side::Client).ttl = 44;
    talk.send(0.0, Side::Client, Flags::SYN, 0);
    talk.end(Side::Client).ttl = 64;
    talk.send(0.02, Side::Server, Flags::SYN.and(Flags::ACK), 0)
        .raw(0.0201, Side::Client, (1_001, 0), Flags::RST, b"");
    let story = talk.story();
    let strange = |found: &Evidence| matches!(found, Evidence::OtherDistance(..));
    assert!(!story.verdict.evidence.iter().any(strange));
    assert_eq!(
        sentence(&story),
        "the client answered the SYN-ACK with a RST: it had given up connecting, or only wanted to know whether the port \
         is open"
    );
}
