//! Who is destroyed, and who never.

use std::io::{ErrorKind, Read as _, Write as _};
use std::process::Stdio;

use deadpeer_sys::sock_diag::SockDiag;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::population::{Pair, listener};
use crate::common::{deadpeer, run};
use crate::scenes::{gone, lines, server_end, silent, talking, wait_until};

const KINDS: [&str; 2] = ["kill", "kill_summary"];

/// Skips where the kernel can't.
fn with_destroy(test: impl FnOnce() + Send) {
    in_private_netns(|| match SockDiag::open().unwrap().can_destroy().unwrap() {
        true => test(),
        false => skip("this kernel lacks CONFIG_INET_DIAG_DESTROY"),
    });
}

/// The program finds out at once, by this error.
fn assert_aborted(pair: &mut Pair) {
    let read = pair.server.read(&mut [0]).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::ConnectionAborted);
}

fn assert_alive(pair: &mut Pair) {
    pair.client.write_all(b"x").unwrap();
    pair.server.read_exact(&mut [0]).unwrap();
}

fn destroyed(args: &[&str], code: i32) -> (u64, String) {
    let (exit, kills, summaries) = lines(&[&["kill"], args].concat(), KINDS);
    assert_eq!(exit, code, "{kills:?} {summaries:?}");
    let count = summaries
        .last()
        .map_or(0, |summary| summary["destroyed"].as_u64().unwrap());
    let verdict = kills
        .first()
        .map_or("", |kill| kill["verdict"].as_str().unwrap());
    (count, verdict.to_owned())
}

#[test]
fn an_unreachable_connection_is_destroyed_and_its_program_told() {
    with_destroy(|| {
        let mut pair = gone();
        let end = server_end(&pair);
        let sent = deadpeer::inspect(&pair.server).unwrap().segs_out;
        let rehearsed = destroyed(&["--unreachable", "--local", &end, "--dry-run"], 3);
        assert_eq!(rehearsed, (0, "would-ask".to_owned()));
        let after = deadpeer::inspect(&pair.server).unwrap();
        assert_eq!(after.segs_out, sent, "a rehearsal sends nothing");
        let done = destroyed(&["--unreachable", "--local", &end, "--yes"], 0);
        assert_eq!(done, (1, "destroy".to_owned()));
        assert_aborted(&mut pair);
    });
}

/// As Redis sets it: the third question in vain is the last of the program's own as well.
#[test]
fn a_keepalive_of_three_probes_protects_no_dead_connection() {
    with_destroy(|| {
        let mut pair = gone();
        sockopt::set_keepalive(&pair.server, true).unwrap();
        sockopt::set_keepidle_s(&pair.server, 300).unwrap();
        sockopt::set_keepcnt(&pair.server, 3).unwrap();
        let end = server_end(&pair);
        let done = destroyed(&["--unreachable", "--local", &end, "--yes"], 0);
        assert_eq!(done, (1, "destroy".to_owned()));
        assert_aborted(&mut pair);
    });
}

#[test]
fn unanswered_retransmissions_are_questions_too() {
    with_destroy(|| {
        let mut pair = gone();
        pair.server.write_all(b"into the void").unwrap();
        wait_until(&pair.server, |info| info.retransmits >= Some(3));
        let end = server_end(&pair);
        assert_eq!(
            destroyed(&["--unreachable", "--local", &end, "--yes"], 0).0,
            1
        );
        assert_aborted(&mut pair);
    });
}

#[test]
fn who_answers_is_never_destroyed_unless_forced() {
    with_destroy(|| {
        for pair in [silent(), talking()] {
            let mut pair = pair;
            let end = server_end(&pair);
            for which in [
                &["--unreachable"][..],
                &["--all-matching"],
                &["--silent-for", "1ms"],
            ] {
                let args = [which, &["--local", &end, "--yes"]].concat();
                let (exit, kills, summaries) = lines(&[&["kill"], &args[..]].concat(), KINDS);
                assert_eq!(summaries[0]["destroyed"], 0, "{which:?}");
                // Heard this very millisecond, it may not even have been silent long enough.
                let is_alive = |kill: &serde_json::Value| kill["verdict"] == "alive";
                assert!(kills.iter().all(is_alive), "{kills:#?}");
                assert_eq!(exit, if kills.is_empty() { 3 } else { 0 });
            }
            assert_alive(&mut pair);
            let args = ["--all-matching", "--local", &end, "--yes", "--force"];
            assert_eq!(destroyed(&args, 0), (1, "forced".to_owned()));
            assert_aborted(&mut pair);
        }
    });
}

#[test]
fn only_who_has_been_silent_long_enough_is_meant() {
    with_destroy(|| {
        let pair = gone();
        let end = server_end(&pair);
        assert_eq!(
            destroyed(&["--silent-for", "1h", "--local", &end, "--yes"], 3).0,
            0
        );
        assert_eq!(
            destroyed(&["--silent-for", "1s", "--local", &end, "--yes"], 0).0,
            1
        );
        drop(pair);
    });
}

#[test]
fn who_cannot_be_asked_is_left_alone_and_listeners_always() {
    with_destroy(|| {
        let listener = listener();
        let address = listener.local_addr().unwrap().to_string();
        let _client = std::net::TcpStream::connect(&address).unwrap();
        let args = ["--all-matching", "--local", &address, "--yes"];
        assert_eq!(destroyed(&args, 3), (0, "unknown".to_owned()));
        let forced = [&args[..], &["--force"]].concat();
        assert_eq!(destroyed(&forced, 0).0, 1);
        // Nothing but the listener is left.
        assert_eq!(destroyed(&forced, 3).0, 0);
        listener.set_nonblocking(true).unwrap();
        std::net::TcpStream::connect(&address).unwrap();
    });
}

#[test]
fn what_the_owner_will_see_is_said() {
    with_destroy(|| {
        let pair = gone();
        let end = server_end(&pair);
        let ran = run(&["kill", "--unreachable", "--local", &end, "--yes"]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("ECONNABORTED"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("3 questions in a row unanswered"),
            "{}",
            ran.stdout
        );
        drop(pair);
    });
}

#[test]
fn an_interrupt_while_peers_are_asked_leaves_no_option_borrowed() {
    with_destroy(|| {
        for signal in [
            Signal::INT,
            Signal::TERM,
            Signal::HUP,
            Signal::USR1,
            Signal::ALARM,
            Signal::ILL,
            Signal::TRAP,
        ] {
            // On a very busy machine it may be over before the signal comes.
            assert!((0..5).any(|_| interrupted(signal)), "{signal:?}");
        }
    });
}

/// Sends a signal while nobody answers the first of three questions. Returns whether it came in
/// time.
fn interrupted(signal: Signal) -> bool {
    let pair = gone();
    let before = sockopt::effective(&pair.server).unwrap();
    let first = deadpeer::inspect(&pair.server).unwrap().segs_out;
    let mut command = deadpeer(&["kill", "--unreachable", "--yes"]);
    command.args(["--local", &server_end(&pair)]);
    let command = command.stderr(Stdio::piped()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    wait_until(&pair.server, |info| info.segs_out > first);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    if !said.contains("interrupted (nothing was destroyed)") {
        return false;
    }
    assert_eq!(ended.status.code(), Some(128 + signal.as_raw()), "{said}");
    assert_eq!(sockopt::effective(&pair.server).unwrap(), before);
    true
}
