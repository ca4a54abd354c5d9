//! Mosquitto, which sets nothing on what it accepts: sessions of MQTT that deadpeer begins itself.

use crate::report::Report;
use crate::room::{Room, installed};

#[test]
fn a_session_begins_once_and_pings_are_answered() {
    let Some(server) = installed("mosquitto") else {
        return;
    };
    let room = Room::new();
    room.file(
        "configuration",
        b"listener 1883 0.0.0.0\nallow_anonymous true\n",
    );
    let args = "--within 6s --port 1883 --send mqtt --fault power-off,nat-reset,close";
    let Some(report) = room.test(args, &[&server, "-c", "configuration"]) else {
        return;
    };
    report.failed("power-off idle", "not-noticed", "keepalive is off");
    report.failed("power-off in-flight", "not-noticed", "unacknowledged data");
    report.passed("nat-reset in-flight", "reset", 0.0..2.0);
    report.passed("close idle", "server", 0.0..1.0);
    report.failed("untried late-write", "foretold", "never given up");
    for live in ["untouched", "outage", "slow-reader"] {
        report.kept(&format!("alive {live}"));
    }
}

/// Starts slowly, connects, and takes its time for each of the two things that it says. Leaves a
/// file once it has been told that it is subscribed.
const SLOW_CLIENT: &str = "
import os, socket, time
time.sleep(11)
server = socket.create_connection((os.environ['DEADPEER_SERVER'], int(os.environ['DEADPEER_PORT'])))
time.sleep(0.6)
name = b'%012d' % time.monotonic_ns()
server.sendall(b'\\x10\\x18\\0\\4MQTT\\4\\2\\0\\x3c\\0\\x0c' + name[-12:])
assert server.recv(4)[0] == 0x20
time.sleep(0.6)
server.sendall(b'\\x82\\6\\0\\1\\0\\1t\\0')
assert server.recv(5)[0] == 0x90
open('subscribed-' + name.decode(), 'w')
time.sleep(1000)
";

#[test]
fn no_fault_strikes_a_client_program_that_is_half_made() {
    let (Some(server), Some(python)) = (installed("mosquitto"), installed("python3")) else {
        return;
    };
    let room = Room::new();
    room.file(
        "configuration",
        b"listener 1883 0.0.0.0\nallow_anonymous true\n",
    );
    room.file("client.py", SLOW_CLIENT.as_bytes());
    let client = format!("exec {python} client.py");
    let mut command = room.command(room.path().join("deadpeer"));
    command.args(["test", "--json", "--within", "5s", "--port", "1883"]);
    command.args(["--clients", "1", "--only-tried", "--client", &client]);
    command.args(["--fault", "power-off,close,nat-reset", "--"]);
    command.args([&server, "-c", "configuration"]);
    let Some(ran) = room.run_with(command) else {
        return;
    };
    let report = Report::read(&ran);
    report.failed("power-off idle", "not-noticed", "keepalive is off");
    report.passed("close idle", "server", 0.0..2.0);
    report.kept("alive untouched");
    let left = std::fs::read_dir(room.path()).unwrap();
    let names = left.map(|file| file.unwrap().file_name().into_string().unwrap());
    let subscribed = names.filter(|name| name.starts_with("subscribed-"));
    let tried = report.cases.iter().filter(|case| case.tried);
    assert!(subscribed.count() >= tried.count(), "{}", ran.stdout);
}
