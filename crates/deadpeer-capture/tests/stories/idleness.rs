//! Silences after which nothing came any more: a host that is gone, or something on the way that
//! has forgotten the connection.

use deadpeer_capture::story::{Evidence, Gone, Noticed};
use deadpeer_capture::{Flags, Side, Story};

use crate::builder::{End, Talk};

/// The client writes after so many seconds of silence, and nobody answers.
fn written_in_vain_after(idle: f64) -> Talk {
    begun_and_written_in_vain_after(0.0, idle)
}

fn begun_and_written_in_vain_after(begin: f64, idle: f64) -> Talk {
    let mut talk = Talk::new();
    talk.open(begin).exchange(begin + 0.1, Side::Server, 900);
    let at = begin + 0.101 + idle;
    talk.data(at, Side::Client, 50);
    talk.again_doubling(at, Side::Client, 50, 5);
    talk.capture_ends(at + 7.0);
    talk
}

/// A connection of the same hosts on this port that was silent for so long and then went on.
fn survives(port: u16, idle: f64) -> Talk {
    let mut talk = Talk::new();
    talk.end(Side::Client).port = port;
    talk.open(0.01)
        .exchange(0.11, Side::Client, 20)
        .exchange(0.111 + idle, Side::Client, 20);
    talk
}

fn sentence(story: &Story) -> String {
    story.verdict.sentence(story)
}

#[test]
fn after_long_idleness_nobody_is_named() {
    for (idle, said) in [
        (
            350.0,
            "nothing from 10.0.0.2:8888 after 350.0 s of idleness, with data in flight: it, its host or what the path knew \
             of the connection was gone; nobody had noticed after 5m 57s when the capture ended; looks like an idle \
             timeout; 350 s is that of AWS Network Firewall, GWLB and Nitro v6 security groups",
        ),
        (
            1000.0,
            "nothing from 10.0.0.2:8888 after 1000.0 s of idleness, with data in flight: it, its host or what the path knew \
             of the connection was gone; nobody had noticed after 16m 47s when the capture ended; a connection is \
             forgotten after 900 s by IPVS (Docker Swarm, kube-proxy), and sooner by other boxes",
        ),
        (
            100.0,
            "nothing from 10.0.0.2:8888 after 100.0 s of idleness, with data in flight: it, its host or what the path knew \
             of the connection was gone; nobody had noticed after 107 s when the capture ended",
        ),
    ] {
        let story = written_in_vain_after(idle).story();
        assert_eq!(sentence(&story), said);
        assert_eq!(story.verdict.gone, Gone::Connection);
    }
    let story = written_in_vain_after(20.0).story();
    assert_eq!(story.verdict.gone, Gone::Side(Side::Server));
}

#[test]
fn keepalive_that_begins_late_names_nobody_either() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.1, Side::Client, 90);
    for n in 0..9 {
        talk.probe(7200.1 + 75.0 * f64::from(n), Side::Client);
    }
    talk.abort(7875.1, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Connection);
    assert_eq!(story.verdict.noticed, Noticed::Keepalive);
    let said = sentence(&story);
    assert!(
        said.starts_with("nothing from 10.0.0.2:8888 after 7200.0 s of idleness: it,"),
        "{said}"
    );
}

#[test]
fn who_survived_as_long_before_met_no_idle_timeout() {
    // This connection itself.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.1, Side::Client, 90);
    for n in 1..4 {
        talk.answered_probe(75.1 * f64::from(n), Side::Client);
    }
    for n in 0..9 {
        talk.probe(300.4 + 75.0 * f64::from(n), Side::Client);
    }
    talk.abort(975.4, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Side(Side::Server));
    let said = sentence(&story);
    let end =
        "; idle 75.1 s before, which was no idle timeout: this connection itself survived 75.1 s";
    assert!(said.ends_with(end), "{said}");
    // Another one between the same hosts.
    let mut talk = begun_and_written_in_vain_after(10.0, 350.0);
    talk.with(&survives(41_000, 352.0));
    let story = &talk.stories()[1];
    assert_eq!(story.verdict.gone, Gone::Side(Side::Server));
    let said = sentence(story);
    let end = "which was no idle timeout: connection 1 between the same hosts survived 352.0 s";
    assert!(said.ends_with(end), "{said}");
}

#[test]
fn who_survived_less_speaks_for_an_idle_timeout() {
    let mut talk = written_in_vain_after(352.0);
    talk.with(&survives(41_000, 300.0));
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Connection);
    let said = sentence(&story);
    let end =
        "; between these hosts no connection survived more than 300.0 s of idleness (connection 2)";
    assert!(said.ends_with(end), "{said}");
    // Those of other hosts say nothing.
    let mut talk = written_in_vain_after(352.0);
    let mut others = survives(41_000, 900.0);
    talk.with(others.between(1, 8));
    let evidence = talk.story().verdict.evidence;
    let says = |found: &Evidence| {
        matches!(
            found,
            Evidence::Outlived { .. } | Evidence::NotOutlived { .. }
        )
    };
    assert!(!evidence.iter().any(says), "{evidence:?}");
}

#[test]
fn a_question_that_is_not_answered_is_no_survival() {
    let mut talk = written_in_vain_after(352.0);
    let mut other = Talk::new();
    other.end(Side::Client).port = 41_000;
    other
        .open(0.01)
        .exchange(0.11, Side::Client, 20)
        .data(900.0, Side::Client, 20);
    talk.with(&other);
    assert_eq!(talk.story().verdict.gone, Gone::Connection);
}

#[test]
fn a_rst_out_of_a_silence_that_others_survived_is_no_idle_timeout() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.1, Side::Server, 900);
    let End { seq, .. } = *talk.end(Side::Server);
    talk.raw(350.101, Side::Server, (seq, 0), Flags::RST, b"");
    talk.with(&survives(41_000, 1200.0));
    let story = talk.story();
    let said = sentence(&story);
    let end = "idle 350.0 s before, which was no idle timeout: connection 2 between the same hosts survived 1200.0 s";
    assert!(said.ends_with(end), "{said}");
}

#[test]
fn who_resets_busy_connections_with_an_idle_one_did_not_time_out() {
    let aborted = |port: u16, last: f64, at: f64| {
        let mut talk = Talk::new();
        talk.end(Side::Client).port = port;
        talk.open(last - 1.0)
            .exchange(last, Side::Client, 20)
            .abort(at, Side::Client);
        talk
    };
    let mut talk = aborted(40_000, 1.0, 61.0);
    let idle = "; idle 60.0 s, then RST: looks like an idle timeout; 60 s is that of AWS ALB and classic load balancers";
    talk.with(&aborted(40_001, 50.0, 61.01));
    assert!(sentence(&talk.story()).ends_with(idle), "one may be chance");
    talk.with(&aborted(40_002, 55.0, 61.02));
    assert_eq!(
        sentence(&talk.story()),
        "the client ended it with a RST: aborted, closed with data unread, or destroyed"
    );
}

#[test]
fn who_answers_no_new_connection_either_is_named() {
    let gone = |other: &Talk| {
        let mut talk = written_in_vain_after(350.0);
        talk.with(other);
        let story = talk.story();
        let named = |found: &Evidence| matches!(found, Evidence::VainOpening { .. });
        let named = story.verdict.evidence.iter().any(named);
        assert_eq!(named, story.verdict.gone == Gone::Side(Side::Server));
        assert!(!named || !sentence(&story).contains("idle timeout"));
        story.verdict.gone
    };
    let vain = |at| {
        let mut other = Talk::new();
        other.asks_to_open_in_vain(at);
        other
    };
    assert_eq!(gone(&vain(352.0)), Gone::Side(Side::Server));
    // Whoever asks.
    assert_eq!(gone(vain(352.0).between(9, 2)), Gone::Side(Side::Server));
    // Before it was missed, and long after, it may have been another trouble.
    assert_eq!(gone(&vain(300.0)), Gone::Connection);
    assert_eq!(gone(&vain(900.0)), Gone::Connection);
    // Of several, the one that matters need not be the one that ends first.
    let mut long = Talk::new();
    long.end(Side::Client).port = 41_001;
    for wait in [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0] {
        long.raw(345.0 + wait, Side::Client, (1_000, 0), Flags::SYN, b"");
    }
    let shorter = vain(380.0);
    assert_eq!(gone(&shorter), Gone::Connection);
    assert_eq!(gone(long.with(&shorter)), Gone::Side(Side::Server));
    // Another host, or a port on which perhaps nobody listens.
    assert_eq!(gone(vain(352.0).between(1, 9)), Gone::Connection);
    let mut other_port = Talk::new();
    other_port.end(Side::Server).port = 9999;
    other_port.asks_to_open_in_vain(352.0);
    assert_eq!(gone(&other_port), Gone::Connection);
    // One that was answered in the end: the host was there.
    let mut answered = vain(352.0);
    answered.send(360.0, Side::Server, Flags::SYN.and(Flags::ACK), 0);
    assert_ne!(gone(&answered), Gone::Side(Side::Server));
}

#[test]
fn what_other_clients_survived_leaves_the_clients_way() {
    let survivor = |idle: f64| {
        let mut talk = begun_and_written_in_vain_after(60.0, 350.0);
        talk.with(survives(41_000, idle).between(9, 2));
        let verdict = &talk.stories()[1].verdict;
        assert_eq!(verdict.gone, Gone::Connection);
        let says = |found: &Evidence| matches!(found, Evidence::OutlivedElsewhere { .. });
        verdict.evidence.iter().any(says)
    };
    assert!(survivor(400.0));
    assert!(!survivor(300.0));
}
