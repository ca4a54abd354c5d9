//! A statically linked server with a child for each connection, and what can be wrong with one.

use std::process::Command;

use crate::report::Report;
use crate::room::{Room, installed};

/// Links the server and tests it; arguments as its source has them.
pub(crate) fn served(room: &Room, args: &str, server: &str) -> Option<Report> {
    let compiler = installed("gcc")?;
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/static_binary.c");
    let built = Command::new(compiler)
        .args(["-static", "-o"])
        .arg(room.path().join("server"))
        .arg(source)
        .status();
    assert!(built.unwrap().success());
    room.file("words", b"words, words, words\n");
    let mut command = vec!["./server"];
    command.extend(server.split(' '));
    room.test(args, &command)
}

#[test]
fn a_user_timeout_notices_everything_and_drops_slow_readers() {
    let room = Room::of_caller();
    let args = "--within 8s --port 7 --send words --fault power-off,abort \
                --state idle,in-flight,zero-window,sending";
    let Some(report) = served(&room, args, "7 echo 2 1 9 4500") else {
        return;
    };
    report.passed("power-off idle", "keepalive", 3.5..6.0);
    report.passed("power-off in-flight", "retransmission", 4.0..6.5);
    report.passed("power-off zero-window", "window-probe", 3.0..7.0);
    report.passed("power-off sending", "retransmission", 4.0..7.5);
    // Written late, after keepalive has given up all but the last probe.
    report.failed(
        "untried late-write",
        "foretold",
        "TCP_USER_TIMEOUT of 4.5 s",
    );
    report.passed("abort idle", "reset", 0.0..1.0);
    report.kept("alive outage");
    report.failed(
        "alive slow-reader",
        "dropped",
        "TCP_USER_TIMEOUT of 4.5 s drops live clients",
    );
    assert_eq!((report.code, report.summary.failed), (1, 2), "{report:#?}");

    let allowed = served(
        &room,
        &format!("{args} --may-drop-slow --only-tried"),
        "7 echo 2 1 9 4500",
    );
    let allowed = allowed.unwrap();
    assert_eq!(allowed.code, 0, "{allowed:#?}");
}

#[test]
fn a_user_timeout_bounds_late_writes_too() {
    let room = Room::new();
    let args = "--within 9s --port 7000 --send words --fault power-off --state late-write --clients 2 --may-drop-slow";
    let Some(report) = served(&room, args, "7000 late 3 1 2 3000") else {
        return;
    };
    // The answer is written a second after the words, which keepalive alone would have given five.
    report.passed("power-off late-write", "retransmission", 3.0..8.0);
}

#[test]
fn a_descriptor_that_nobody_looks_at_is_never_closed() {
    let room = Room::new();
    let args = "--within 6s --port 7000 --fault power-off,close --clients 1";
    let Some(report) = served(&room, args, "7000 sleep 1 1 2 0") else {
        return;
    };
    let advice = "the server keeps its descriptor";
    report.failed("power-off idle", "kept", advice);
    report.failed("close idle", "not-closed", "the client's FIN arrived");
}

#[test]
fn a_limit_of_its_own_on_idle_clients_is_no_failure() {
    let room = Room::new();
    let args = "--within 6s --port 7000 --fault power-off --clients 1 --only-tried";
    let Some(report) = served(&room, args, "7000 drop 60 1 2 0") else {
        return;
    };
    report.passed("power-off idle", "server", 0.0..2.5);
    let untouched = report.case("alive untouched");
    assert_eq!(untouched.by.as_deref(), Some("server"));
    assert_eq!(untouched.verdict, "passed", "{untouched:#?}");
    assert_eq!(report.code, 0, "{report:#?}");
}
