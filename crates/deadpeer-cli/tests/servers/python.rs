//! `python3 -m http.server`: threads, nothing set, and an answer that ends the connection.

use crate::report::Report;
use crate::room::{Room, installed};

fn server(python: &str) -> [&str; 4] {
    [python, "-m", "http.server", "8000"]
}

#[test]
fn silent_clients_hold_a_thread_for_ever() {
    let Some(python) = installed("python3") else {
        return;
    };
    let room = Room::new();
    let faults = "--within 6s --port 8000 --fault power-off,close";
    let Some(report) = room.test(faults, &server(&python)) else {
        return;
    };
    report.failed("power-off idle", "not-noticed", "keepalive is off");
    report.passed("close idle", "server", 0.0..1.0);
}

#[test]
fn who_closes_after_each_answer_is_never_idle() {
    let Some(python) = installed("python3") else {
        return;
    };
    let room = Room::new();
    let args = [
        "--within",
        "6s",
        "--port",
        "8000",
        "--fault",
        "power-off",
        "--send-text",
        "GET / HTTP/1.0\\r\\n\\r\\n",
        "--json",
    ];
    let test = |more: &[&str]| {
        let mut command = room.command(room.path().join("deadpeer"));
        command.arg("test").args(args).args(more).arg("--");
        command.args(server(&python));
        room.run_with(command).map(|ran| Report::read(&ran))
    };
    let Some(report) = test(&[]) else {
        return;
    };
    report.passed("power-off in-flight", "server", 0.0..1.0);
    report.skipped(
        "power-off idle",
        "closes the connection after its answer: HTTP/1.0 200 OK",
    );
    // It had no timeout for a client that never asks.
    report.failed("untried idle", "foretold", "keepalive is off");
    // Asked for by name, it is an open question.
    let asked = test(&["--state", "idle", "--only-tried"]);
    assert_eq!(asked.unwrap().code, 3);
}
