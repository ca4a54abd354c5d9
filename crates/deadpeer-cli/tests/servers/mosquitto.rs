//! Mosquitto, which sets nothing on what it accepts: sessions of MQTT that deadpeer begins itself.

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
