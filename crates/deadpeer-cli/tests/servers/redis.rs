//! Redis: `tcp-keepalive I` sets idle I, interval I/3 and count 3 on what it accepts; 0 sets
//! nothing.

use crate::report::{Report, Settings};
use crate::room::{Room, installed};

/// A test of Redis with this keepalive.
fn redis(args: &str, keepalive: &str) -> Option<(Room, Report)> {
    let server = installed("redis-server")?;
    let room = Room::new();
    let options = "--port 6379 --bind * --protected-mode no --save";
    let mut command = vec![server.as_str()];
    command.extend(options.split(' '));
    command.extend(["", "--tcp-keepalive", keepalive]);
    let report = room.test(&format!("--port 6379 {args}"), &command)?;
    Some((room, report))
}

#[test]
fn keepalive_notices_idle_clients() {
    let Some((_room, report)) = redis("--within 10s --clients 5 --only-tried", "5") else {
        return;
    };
    assert_eq!(report.summary.verdict, "passed", "{report:#?}");
    assert_eq!(report.summary.address, "10.77.0.2:6379");
    // 5 s idle and three probes, a second apart; a little of it has passed when the clients vanish.
    report.passed("power-off idle", "keepalive", 7.0..8.5);
    report.passed("unreachable idle", "keepalive", 7.0..8.5);
    report.passed("reboot idle", "reset", 4.0..5.6);
    report.passed("close idle", "server", 0.0..1.0);
    report.passed("abort idle", "reset", 0.0..1.0);
    for live in ["untouched", "lossy", "delayed", "outage"] {
        report.kept(&format!("alive {live}"));
    }
    report.foretold("untried in-flight");
    let case = report.case("power-off idle");
    assert_eq!(case.connections, 5);
    let settings = Settings {
        so_keepalive: true,
        tcp_keepidle_s: 5,
        tcp_keepintvl_s: 1,
        tcp_keepcnt: 3,
        tcp_user_timeout_ms: 0,
    };
    assert_eq!(case.settings.as_ref(), Some(&settings));
    // All cases at once; one after the other they would take a minute.
    assert!(report.summary.took_ms < 30_000, "{report:#?}");
}

#[test]
fn what_was_not_tried_is_foretold_and_fails() {
    let Some((_room, report)) = redis("--within 8s --fault power-off", "3") else {
        return;
    };
    report.passed("power-off idle", "keepalive", 4.0..7.0);
    for (state, advice) in [
        ("in-flight", "not tried, give --send: no TCP_USER_TIMEOUT"),
        ("zero-window", "--state zero-window: no TCP_USER_TIMEOUT"),
        ("late-write", "--state late-write: no TCP_USER_TIMEOUT"),
    ] {
        report.failed(&format!("untried {state}"), "foretold", advice);
    }
    assert_eq!((report.code, report.summary.failed), (1, 3), "{report:#?}");
}

#[test]
fn what_it_answers_before_it_closes_is_shown() {
    let Some(server) = installed("redis-server") else {
        return;
    };
    let room = Room::new();
    let server = [&server, "--port", "6379", "--bind", "*", "--save", ""];
    let Some(ran) = room.run("--within 5s --port 6379 --send redis", &server) else {
        return;
    };
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    let said = "the server at 10.77.0.2:6379 closes connections at once; it answered: \
                -DENIED Redis is running in protected mode";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn without_keepalive_nothing_is_noticed() {
    let faults = "--within 6s --fault power-off,reboot,nat-reset";
    let Some((_room, report)) = redis(faults, "0") else {
        return;
    };
    assert_eq!(report.summary.verdict, "failed");
    for fault in ["power-off", "reboot", "nat-reset"] {
        report.failed(
            &format!("{fault} idle"),
            "not-noticed",
            "keepalive is off on accepted sockets",
        );
    }
    // Each of them, and three states that were not tried.
    assert_eq!(report.summary.failed, 6);
}

#[test]
fn keepalive_plays_no_part_any_more_when_redis_writes_late() {
    let server = installed("redis-server");
    let room = Room::new();
    room.file("pop", b"BLPOP nothing 2\r\n");
    let args = "--within 7s --port 6379 --send pop --state late-write --fault power-off,nat-reset --clients 2";
    let options = "--port 6379 --bind * --protected-mode no --tcp-keepalive 3 --save";
    let Some(server) = server else {
        return;
    };
    let mut command = vec![server.as_str()];
    command.extend(options.split(' ').chain([""]));
    let Some(report) = room.test(args, &command) else {
        return;
    };
    // Idle, it would be noticed after 6 s. The answer to nobody comes before.
    let advice = "what is written after the client vanished";
    report.failed("power-off late-write", "not-noticed", advice);
    report.passed("nat-reset late-write", "reset", 0.5..6.0);
}

#[test]
fn keepalive_plays_no_part_while_answers_are_in_flight() {
    let args = "--within 6s --send redis --state in-flight,zero-window,late-write --fault power-off,nat-lost,nat-reset";
    let Some((_room, report)) = redis(args, "1") else {
        return;
    };
    assert_eq!(report.summary.verdict, "failed");
    for fault in ["power-off", "nat-lost"] {
        let advice = "no TCP_USER_TIMEOUT";
        report.failed(&format!("{fault} in-flight"), "not-noticed", advice);
        report.failed(&format!("{fault} zero-window"), "not-noticed", advice);
    }
    let hasty = report.case("power-off late-write");
    assert_eq!(hasty.verdict, "unclear", "{hasty:#?}");
    assert!(hasty.why.as_deref().unwrap().contains("answers at once"));
    // The retransmission is answered.
    report.passed("nat-reset in-flight", "reset", 0.0..2.0);
    report.kept("alive slow-reader");
}

#[test]
fn its_own_client_is_a_client() {
    let (Some(server), Some(client)) = (installed("redis-server"), installed("redis-cli")) else {
        return;
    };
    let room = Room::new();
    room.file("ping", b"PING\n");
    let mut command = room.command(room.path().join("deadpeer"));
    let client = format!("exec {client} -h $DEADPEER_SERVER -p $DEADPEER_PORT");
    command.args(["test", "--json", "--within", "6s", "--port", "6380"]);
    command.args(["--fault", "power-off,close", "--client", &client]);
    command.args(["--send", "ping", "--clients", "2", "--", &server]);
    command.args(["--port", "6380", "--bind", "*", "--protected-mode", "no"]);
    command.args(["--save", "", "--tcp-keepalive", "2"]);
    let Some(ran) = room.run_with(command) else {
        return;
    };
    assert_eq!(ran.stderr, "");
    let report = Report::read(&ran);
    report.passed("power-off idle", "keepalive", 3.0..5.5);
    report.failed("power-off in-flight", "not-noticed", "no TCP_USER_TIMEOUT");
    report.passed("close idle", "server", 0.0..1.0);
    assert_eq!(report.case("power-off idle").connections, 2);
}
