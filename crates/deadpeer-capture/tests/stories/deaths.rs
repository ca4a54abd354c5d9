//! Each death as it looks on the wire.

use std::time::Duration;

use deadpeer_capture::story::{Ending, Gone, Noticed, compared_plan};
use deadpeer_capture::{Flags, Side, Story};
use deadpeer_core::{Cause, Kernel, Notice, Policy, Silence};

use crate::builder::{Talk, seconds};

/// Within a hundredth of a second.
fn about(measured: Option<Duration>, expected: f64) -> bool {
    measured.is_some_and(|measured| (measured.as_secs_f64() - expected).abs() < 0.01)
}

fn words(story: &Story) -> Vec<String> {
    story.timeline.iter().map(|event| event.words()).collect()
}

/// A server on port 8888 with net.ipv4.tcp_keepalive_time=120 and everything else as it comes.
fn server_with_keepalive_120() -> Talk {
    let mut talk = Talk::new();
    talk.open(0.0);
    for n in 1..=3 {
        talk.answered_probe(f64::from(n) * 120.8, Side::Server);
    }
    // The client vanishes; the default interval is 75 s and the default count 9.
    for n in 0..9 {
        talk.probe(4.0 * 120.8 + f64::from(n) * 75.3, Side::Server);
    }
    talk.abort(4.0 * 120.8 + 9.0 * 75.3, Side::Server);
    talk
}

#[test]
fn keepalive_gave_up() {
    let talk = server_with_keepalive_120();
    let story = talk.story();
    let verdict = &story.verdict;
    assert_eq!(verdict.ending, Ending::GaveUp(Side::Server));
    assert_eq!(verdict.gone, Gone::Side(Side::Client));
    assert_eq!(verdict.noticed, Noticed::Keepalive);
    assert_eq!(verdict.silence, Some(Silence::Idle));
    assert_eq!(verdict.cause, Some(Cause::TimedOut));
    assert_eq!(verdict.unanswered, 9);
    assert!((seconds(verdict.last_heard.unwrap()) - 362.4).abs() < 0.01);
    // From the last answer: 120.8 s of silence and nine intervals.
    assert!(about(verdict.took(story.capture_ends), 120.8 + 9.0 * 75.3));

    let settings = story.settings(Side::Server);
    assert_eq!(settings.idle.unwrap().seconds, 120);
    assert_eq!(settings.interval.unwrap().seconds, 75);
    assert_eq!(settings.count, Some(9));
    assert_eq!(story.settings(Side::Client).idle, None);

    let counts = story.counts(Side::Server);
    assert_eq!((counts.probes, counts.probes_answered), (12, 3));
    assert_eq!(
        words(&story),
        [
            "established in 2 ms",
            "silent 120.8 s",
            "server sends 3 keepalive probes, answered in 11 us",
            "silent 120.8 s",
            "server sends 9 keepalive probes in 10m 02s, unanswered",
            "silent 75.3 s",
            "server ends it with a RST",
        ]
    );
    assert_eq!(
        verdict.sentence(&story),
        "the client was gone while the connection was idle; keepalive noticed after 13m 18s: ETIMEDOUT; \
         idle 120.8 s before, which was no idle timeout: this connection itself survived 120.8 s"
    );
}

#[test]
fn a_plan_says_what_it_would_have_made_of_it() {
    let story = server_with_keepalive_120().story();
    let policy = Policy::detect_within(Duration::from_secs(60));
    let plan = compared_plan(&policy, &Kernel::modern(None)).expect("60 s can be kept");
    let notice = story.with_plan(&plan).expect("somebody was gone");
    assert!(notice.meets(Duration::from_secs(60)));
    assert_ne!(notice, Notice::Never);
    // Who is told at once, when it writes, might have asked in the hour before that.
    let mut told = Talk::new();
    told.open(0.0).data(3600.0, Side::Client, 5);
    told.disown(3600.001, Side::Server);
    let story = told.story();
    assert_eq!(story.verdict.silence, Some(Silence::InFlight));
    assert_eq!(story.bounded_silence(), Some(Silence::Idle));
    let mut closed = Talk::new();
    closed
        .open(0.0)
        .fin(1.0, Side::Client)
        .fin(1.1, Side::Server)
        .ack(1.2, Side::Client);
    assert!(closed.story().with_plan(&plan).is_none());
}

#[test]
fn data_was_lost_and_retransmission_gave_up_without_a_word() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    talk.data(5.0, Side::Client, 50);
    let last = talk.again_doubling(5.0, Side::Client, 50, 6);
    talk.capture_ends(100.0);
    let story = talk.story();
    let verdict = &story.verdict;
    assert_eq!(verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
    assert_eq!(verdict.noticed, Noticed::Retransmission);
    assert_eq!(verdict.silence, Some(Silence::InFlight));
    assert_eq!(verdict.cause, Some(Cause::TimedOut));
    assert_eq!(verdict.unanswered, 6);
    assert!((seconds(verdict.last_heard.unwrap()) - 1.001).abs() < 1e-6);
    let (from, to) = verdict.noticed_at.unwrap();
    assert!((seconds(from) - last).abs() < 1e-6);
    // It would have sent again 12.8 s later.
    assert!(seconds(to) >= last + 12.8 && seconds(to) < last + 16.0);
    assert!(about(story.settings(Side::Client).rto, 0.2));
    assert_eq!(
        words(&story).last().map(String::as_str),
        Some("client gives up within 14.9 s, without a word")
    );
}

#[test]
fn a_late_packet_draws_a_reset_from_who_gave_up() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    talk.data(5.0, Side::Client, 50).forget(Side::Server, 50);
    talk.again_doubling(5.0, Side::Client, 50, 5);
    // The way is open again, but nobody is there any more.
    talk.data(60.0, Side::Server, 10)
        .disown(60.001, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(story.verdict.gone, Gone::Side(Side::Server));
    assert_eq!(story.verdict.noticed, Noticed::Retransmission);
    assert!((seconds(story.verdict.last_heard.unwrap()) - 1.001).abs() < 1e-6);
    assert!(seconds(story.verdict.noticed_at.unwrap().1) < 60.0);
}

#[test]
fn somebody_still_retransmits_when_the_capture_ends() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Server, 100)
        .data(5.0, Side::Server, 50);
    let last = talk.again_doubling(5.0, Side::Server, 50, 6);
    talk.capture_ends(last + 5.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::StillTrying(Side::Server));
    assert_eq!(verdict.gone, Gone::Side(Side::Client));
    assert_eq!(
        (verdict.noticed, verdict.noticed_at),
        (Noticed::Nobody, None)
    );
}

#[test]
fn a_late_write_restarts_the_clock() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.5, Side::Client, 9);
    for n in 0..4 {
        talk.probe(10.5 + f64::from(n), Side::Client);
    }
    talk.data(14.0, Side::Client, 7);
    talk.again_doubling(14.0, Side::Client, 7, 5);
    talk.capture_ends(60.0);
    let story = talk.story();
    assert_eq!(story.verdict.silence, Some(Silence::LateWrite));
    assert_eq!(story.verdict.noticed, Noticed::Retransmission);
    assert!((seconds(story.verdict.unanswered_since.unwrap()) - 10.5).abs() < 1e-6);
}

#[test]
fn the_peer_vanished_behind_its_closed_window() {
    let mut talk = Talk::new();
    talk.open(0.0).data(1.0, Side::Client, 1000);
    talk.end(Side::Server).window = 0;
    talk.ack(1.001, Side::Server);
    // Two probes are answered, then nobody is there.
    talk.answered_probe(1.2, Side::Client)
        .answered_probe(1.6, Side::Client);
    let mut at = 2.4;
    for n in 0..5 {
        talk.probe(at, Side::Client);
        at += 0.8 * f64::from(1 << (n + 1));
    }
    talk.capture_ends(200.0);
    let story = talk.story();
    let verdict = &story.verdict;
    assert_eq!(verdict.silence, Some(Silence::ZeroWindow));
    assert_eq!(verdict.noticed, Noticed::WindowProbes);
    assert_eq!(verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
    let counts = story.counts(Side::Client);
    assert_eq!(
        (
            counts.probes,
            counts.window_probes,
            counts.window_probes_answered
        ),
        (0, 7, 2)
    );
}

#[test]
fn the_peer_restarted_and_says_so_when_probed() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.probe(61.0, Side::Client).disown(61.001, Side::Server);
    let story = talk.story();
    let verdict = &story.verdict;
    assert_eq!(verdict.ending, Ending::Forgotten(Side::Server));
    assert_eq!(verdict.gone, Gone::Connection);
    assert_eq!(verdict.noticed, Noticed::OtherHost);
    assert_eq!(verdict.cause, Some(Cause::Reset));
    assert!(about(verdict.took(story.capture_ends), 60.0));
    assert!(
        words(&story)
            .last()
            .unwrap()
            .starts_with("a RST in the server's name answers the probe")
    );
}

#[test]
fn an_administrator_destroyed_it() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 10)
        .exchange(2.0, Side::Server, 10);
    talk.abort(30.0, Side::Server);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::Aborted(Side::Server));
    assert_eq!(verdict.gone, Gone::Nobody);
    assert_eq!(verdict.cause, Some(Cause::Reset));
}

#[test]
fn the_application_lost_patience_before_the_kernel() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 10)
        .data(5.0, Side::Client, 50);
    let last = talk.again_doubling(5.0, Side::Client, 50, 4);
    talk.abort(last + 0.9, Side::Client);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.noticed, Noticed::Application);
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
    assert_eq!(verdict.ending, Ending::Aborted(Side::Client));
}

#[test]
fn the_way_is_cut_and_both_sides_ask() {
    // Captured between the two, before the cut.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.data(5.0, Side::Client, 50).forget(Side::Server, 50);
    talk.again_doubling(5.0, Side::Client, 50, 7);
    for n in 0..4 {
        talk.probe(11.0 + f64::from(n) * 2.0, Side::Server);
    }
    talk.packets.sort_by_key(|(at, _)| *at);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::Path);
}

#[test]
fn one_direction_is_cut_and_the_other_side_speaks_on() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.data(5.0, Side::Client, 50).forget(Side::Server, 50);
    talk.again_doubling(5.0, Side::Client, 50, 7);
    for n in 0..5 {
        talk.exchange(6.0 + f64::from(n) * 3.0, Side::Server, 20);
    }
    talk.packets.sort_by_key(|(at, _)| *at);
    talk.capture_ends(40.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::NotReceiving(Side::Server));
}

#[test]
fn a_router_says_that_the_host_is_unreachable() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 100)
        .data(5.0, Side::Client, 50);
    talk.again_doubling(5.0, Side::Client, 50, 2);
    talk.unreachable(5.7, Side::Client)
        .unreachable(5.8, Side::Client);
    talk.again_doubling(5.6, Side::Client, 50, 4);
    talk.capture_ends(60.0);
    talk.packets.sort_by_key(|(at, _)| *at);
    let story = talk.story();
    assert_eq!(story.verdict.cause, Some(Cause::HostUnreachable));
    assert_eq!(story.verdict.noticed, Noticed::Retransmission);
    let said = "an ICMP error tells the client: host unreachable, twice";
    assert!(
        words(&story).iter().any(|line| line == said),
        "{:?}",
        words(&story)
    );
    assert!(story.verdict.sentence(&story).ends_with(": EHOSTUNREACH"));
}

#[test]
fn nobody_answered_the_opening() {
    let mut talk = Talk::new();
    let syn = |talk: &mut Talk, at| {
        talk.raw(at, Side::Client, (1_000, 0), Flags::SYN, b"");
    };
    for at in [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 11.0] {
        syn(&mut talk, at);
    }
    talk.capture_ends(60.0);
    let story = talk.story();
    assert_eq!(story.verdict.noticed, Noticed::Handshake);
    assert_eq!(story.verdict.silence, Some(Silence::Connecting));
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Client));
    assert!(
        story
            .verdict
            .sentence(&story)
            .contains("never answered 8 SYNs")
    );
}

#[test]
fn nobody_listens() {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0);
    talk.raw(
        0.0001,
        Side::Server,
        (0, 1_001),
        Flags::RST.and(Flags::ACK),
        b"",
    );
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::Refused);
    assert_eq!(verdict.cause, Some(Cause::Refused));
}

#[test]
fn everything_went_well() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(0.1, Side::Client, 300)
        .exchange(0.2, Side::Server, 5000)
        .fin(0.3, Side::Client)
        .ack(0.3001, Side::Server)
        .fin(0.4, Side::Server)
        .ack(0.4001, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::Closed);
    assert_eq!(story.verdict.severity(), 0);
    assert_eq!(
        words(&story),
        [
            "established in 2 ms",
            "client sends 300 B, server 5000 B, in 100 ms",
            "client closes",
            "server closes",
            "both sides have closed",
        ]
    );
}

#[test]
fn half_a_close_is_told_as_half() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(0.1, Side::Client, 300)
        .fin(0.2, Side::Server)
        .ack(0.201, Side::Client);
    talk.capture_ends(500.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::HalfClosed(Side::Server));
    assert_eq!(verdict.gone, Gone::Nobody);
}

#[test]
fn a_peer_that_closed_long_ago_resets_in_the_end() {
    // The server closes, its FIN_WAIT2 expires, and the client's sixth probe finds nobody.
    let mut talk = Talk::new();
    talk.open(0.0)
        .fin(1.0, Side::Server)
        .ack(1.001, Side::Client);
    for n in 1..=5 {
        talk.answered_probe(1.0 + f64::from(n) * 12.0, Side::Client);
    }
    talk.probe(73.0, Side::Client).disown(73.001, Side::Server);
    let story = talk.story();
    assert_eq!(story.verdict.ending, Ending::NoReader(Side::Server));
    assert_eq!(story.verdict.cause, Some(Cause::ResetAfterFin));
    assert_eq!(story.counts(Side::Client).probes, 6);
}

#[test]
fn each_system_gives_up_in_its_own_way() {
    let seconds = |waits: &[u32]| waits.iter().map(|ms| f64::from(*ms) / 1000.0).collect();
    let capped: Vec<u32> = (0..12).map(|n| (1000 << n).min(64_000)).collect();
    let ten: Vec<u32> = (0..10).map(|n| 300 << n).collect();
    let systems: [(&str, Vec<f64>, f64); 4] = [
        (
            "Windows 7 and before, five times",
            seconds(&[300, 600, 1200, 2400, 4800]),
            9.6,
        ),
        ("Windows 10, up to ten times", seconds(&ten), 307.2),
        (
            "the BSDs, twelve times, never after more than 64 s",
            seconds(&capped),
            64.0,
        ),
        (
            "a system whose waits grow unevenly",
            seconds(&[330, 650, 1310, 2620, 5240]),
            10.4,
        ),
    ];
    for (system, waits, last) in systems {
        for side in Side::BOTH {
            let mut talk = Talk::new();
            talk.open(0.0).exchange(0.1, side, 300);
            let mut now = 20.0;
            talk.data(now, side, 300);
            for wait in &waits {
                now += wait;
                talk.again(now, side, 300);
            }
            talk.abort(now + last, side);
            let verdict = talk.story().verdict;
            assert_eq!(verdict.gone, Gone::Side(!side), "{system}: {verdict:?}");
            assert_eq!(verdict.ending, Ending::GaveUp(side), "{system}");
            assert_eq!(verdict.noticed, Noticed::Retransmission, "{system}");
            assert_eq!(verdict.unanswered as usize, waits.len(), "{system}");
        }
    }
}
