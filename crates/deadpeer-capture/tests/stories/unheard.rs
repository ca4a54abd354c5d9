//! Answers that did not arrive, and connections that were given up although the other side was
//! there.

use deadpeer_capture::story::{Ending, Gone, Noticed, Untold};
use deadpeer_capture::{Flags, Side};
use deadpeer_core::{Cause, Silence};

use crate::builder::{Talk, seconds};

/// Captured at the server: the client probes every 20 s, from 60 s on it hears no answer, and gives
/// up.
fn probes_whose_answers_are_lost() -> Talk {
    let mut talk = Talk::new();
    talk.end(Side::Client).timestamps = Some((100, 9_000));
    talk.end(Side::Server).timestamps = Some((9_000, 100));
    talk.open(0.0).exchange(0.01, Side::Client, 10);
    let heard = [20.0, 40.0];
    let unheard = [60.0, 65.0, 70.0, 75.0];
    let mut echo = 9_000;
    for at in heard.into_iter().chain(unheard) {
        let ms = (at * 1000.0) as u32;
        talk.end(Side::Client).timestamps = Some((ms, echo));
        talk.probe(at, Side::Client);
        talk.end(Side::Server).timestamps = Some((9_000 + ms, ms));
        talk.ack(at + 0.000_011, Side::Server);
        if heard.contains(&at) {
            echo = 9_000 + ms;
        }
    }
    talk.end(Side::Client).timestamps = Some((80_000, echo));
    talk.abort(80.0, Side::Client);
    talk
}

#[test]
fn who_echoes_no_answer_hears_none() {
    let story = probes_whose_answers_are_lost().story();
    let verdict = &story.verdict;
    assert_eq!(verdict.gone, Gone::NotReceiving(Side::Client));
    assert_eq!(verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(verdict.noticed, Noticed::Keepalive);
    assert_eq!(verdict.silence, Some(Silence::Idle));
    assert_eq!(verdict.cause, Some(Cause::TimedOut));
    let said =
        "client asks again 3 times, as if it had not been answered: the answers do not arrive";
    let words: Vec<_> = story.timeline.iter().map(|event| event.words()).collect();
    assert!(words.iter().any(|line| line == said), "{words:?}");
    let settings = story.settings(Side::Client);
    assert_eq!(settings.idle.unwrap().seconds, 20);
    assert_eq!(settings.interval.unwrap().seconds, 5);
    assert_eq!(settings.count, Some(4));
}

#[test]
fn data_sent_again_although_it_was_acknowledged_was_not_heard_of() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 50);
    let mut wait = 0.2;
    let mut at = 1.0;
    for _ in 0..6 {
        at += wait;
        talk.again(at, Side::Client, 50)
            .ack(at + 0.001, Side::Server);
        wait *= 2.0;
    }
    talk.capture_ends(at + 1.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::NotReceiving(Side::Client));
    assert_eq!(verdict.ending, Ending::StillTrying(Side::Client));
    assert_eq!(verdict.silence, Some(Silence::InFlight));
}

#[test]
fn who_is_not_answered_again_did_not_miss_an_answer() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 50);
    for at in [1.3, 1.9, 3.1, 5.5, 10.3] {
        talk.again(at, Side::Client, 50);
    }
    talk.capture_ends(12.0);
    let verdict = talk.story().verdict;
    assert_ne!(verdict.gone, Gone::NotReceiving(Side::Client));
}

#[test]
fn one_lost_acknowledgment_is_nobodys_death() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 50);
    talk.again(1.3, Side::Client, 50).ack(1.301, Side::Server);
    talk.capture_ends(60.0);
    let verdict = talk.story().verdict;
    assert_eq!((verdict.gone, verdict.ending), (Gone::Nobody, Ending::Open));
}

#[test]
fn what_comes_after_keepalive_gave_up_is_too_late() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    for n in 0..3 {
        talk.probe(11.0 + 2.0 * f64::from(n), Side::Client);
    }
    talk.abort(17.0, Side::Client);
    // It never learned of that.
    talk.data(30.0, Side::Server, 5)
        .disown(30.001, Side::Client);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
    assert_eq!(verdict.noticed, Noticed::Keepalive);
    assert!((seconds(verdict.noticed_at.unwrap().0) - 17.0).abs() < 1e-6);
}

/// The server's window closes; the client probes it at 1, 2, 4 and 8 s, each answered.
fn behind_a_closed_window() -> Talk {
    let mut talk = Talk::new();
    talk.open(0.0).data(0.5, Side::Client, 100);
    talk.end(Side::Server).window = 0;
    talk.ack(0.51, Side::Server);
    for at in [1.0, 2.0, 4.0, 8.0] {
        talk.answered_probe(at, Side::Client);
    }
    talk
}

#[test]
fn a_user_timeout_gives_up_on_a_reader_that_is_there() {
    let mut talk = behind_a_closed_window();
    talk.end(Side::Server).window = 500;
    talk.ack(14.0, Side::Server).disown(14.001, Side::Client);
    let story = talk.story();
    let verdict = &story.verdict;
    assert_eq!(verdict.ending, Ending::GaveUp(Side::Client));
    assert_eq!(verdict.gone, Gone::Nobody);
    assert_eq!(verdict.noticed, Noticed::WindowProbes);
    assert_eq!(verdict.cause, Some(Cause::TimedOut));
    assert_eq!(
        verdict.sentence(&story),
        "the client gave up at the closed window of the server, which was still there: \
         a user timeout takes that for silence"
    );
}

#[test]
fn who_probes_no_more_gave_up() {
    let mut talk = behind_a_closed_window();
    talk.capture_ends(15.0);
    assert_eq!(talk.story().verdict.ending, Ending::Open);
    let mut talk = behind_a_closed_window();
    talk.capture_ends(60.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::GaveUp(Side::Client));
    let (from, to) = verdict.noticed_at.unwrap();
    assert!((seconds(from) - 8.0).abs() < 0.01 && seconds(to) > 16.0);
}

#[test]
fn a_router_ends_what_has_ip_recverr_at_once() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.data(5.0, Side::Client, 50)
        .unreachable(5.01, Side::Client)
        .capture_ends(30.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.noticed, Noticed::Router);
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
    assert_eq!(verdict.cause, Some(Cause::HostUnreachable));
    assert!((seconds(verdict.noticed_at.unwrap().1) - 5.01).abs() < 1e-6);
}

#[test]
fn an_icmp_error_about_a_probe_is_nobodys_errno() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    for n in 0..3 {
        let at = 11.0 + 2.0 * f64::from(n);
        talk.probe(at, Side::Client)
            .unreachable(at + 0.01, Side::Client);
    }
    talk.abort(17.0, Side::Client)
        .unreachable(17.01, Side::Client);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.noticed, Noticed::Keepalive);
    assert_eq!(verdict.cause, Some(Cause::TimedOut));
}

#[test]
fn who_never_sends_again_was_cut_off() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.data(5.0, Side::Client, 50);
    let mut soon = Talk::new();
    soon.packets.clone_from(&talk.packets);
    soon.capture_ends(7.0);
    assert_eq!(soon.story().verdict.gone, Gone::Nobody);
    // Its retransmission is missing, and so is the acknowledgment: one of the two would have come.
    talk.capture_ends(60.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::Unknown);
    assert_eq!(verdict.untold, Some(Untold::Cut(6)));
    assert_eq!(verdict.ending, Ending::Open);
}

#[test]
fn who_spoke_a_moment_ago_has_not_forgotten() {
    // A NAT, a firewall or a host that restarted: none of them acknowledges, and none is that
    // quick.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Server, 10);
    talk.data(1.1, Side::Client, 10).disown(1.101, Side::Server);
    assert_eq!(talk.story().verdict.ending, Ending::Aborted(Side::Server));
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Server, 10);
    talk.data(9.0, Side::Client, 10).disown(9.001, Side::Server);
    assert_eq!(talk.story().verdict.ending, Ending::Forgotten(Side::Server));
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Server, 10);
    talk.raw(
        1.2,
        Side::Server,
        (6_011, 1_001),
        Flags::RST.and(Flags::ACK),
        b"",
    );
    assert_eq!(talk.story().verdict.ending, Ending::Aborted(Side::Server));
}

#[test]
fn a_reset_answers_a_probe() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 10);
    talk.probe(61.0, Side::Client).disown(61.001, Side::Server);
    let counts = *talk.story().counts(Side::Client);
    assert_eq!((counts.probes, counts.probes_answered), (1, 1));
}

#[test]
fn who_acknowledges_more_hears() {
    // What it sends again had been acknowledged, late: its numbers make every packet look old.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Server, 100);
    for at in [2.0, 4.0, 6.0, 8.0] {
        talk.data(at, Side::Client, 10)
            .again(at + 1.0, Side::Server, 100);
    }
    talk.capture_ends(20.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.gone, Gone::Nobody, "{verdict:?}");
}
