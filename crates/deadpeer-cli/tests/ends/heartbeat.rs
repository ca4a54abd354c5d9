//! Heartbeats between two ends: they see the program where everything else sees its kernel.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use deadpeer_lab::testing::{inside, power_off};

use crate::end::{End, SOON};
use crate::room::lab;

const METHOD: &str = "--method heartbeat --within 6s";

/// The deadline with room for a slow machine.
const LATEST: Duration = Duration::from_secs(20);

#[test]
fn data_travels_between_the_beats_and_leaving_is_no_loss() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let mut listen = End::listen(server, METHOD);
        let (mut connect, connected) = End::connect(client, server, METHOD);
        assert_eq!(connected.method, "heartbeat");
        assert_eq!(connected.settings["so_keepalive"], false);
        listen.connected();
        assert_eq!(connect.seen("agreed", SOON).silent_ms, Some(6_000));
        let long = "beat ".repeat(20_000);
        connect.say(&long);
        listen.hear(&long);
        listen.say("heard");
        connect.hear("heard");
        // Longer than the deadline: nothing but beats.
        connect.stands(Duration::from_secs(7));
        connect.interrupt();
        assert_eq!(connect.ended(SOON).by, "us");
        assert_eq!(connect.code(), 130);
        let ended = listen.ended(SOON);
        assert_eq!(
            (ended.lost, ended.by.as_str()),
            (false, "peer"),
            "{ended:?}"
        );
        assert_eq!(ended.sign, "a frame: leaving");
        listen.interrupt();
        assert_eq!(listen.code(), 130);
    });
}

#[test]
fn a_frozen_program_is_lost_although_its_kernel_answers() {
    inside(|| {
        let lab = lab(["frozen", "doomed"]);
        let [server, frozen, doomed] = lab.hosts() else {
            unreachable!()
        };
        let listen = End::listen(server, METHOD);
        let (connect, here) = End::connect(frozen, server, METHOD);
        let (mut other, there) = End::connect(doomed, server, METHOD);
        connect.seen("agreed", SOON);
        other.seen("agreed", SOON);
        connect.freeze();
        power_off(&lab, doomed).unwrap();
        for ended in [listen.ended(LATEST), listen.ended(LATEST)] {
            assert_eq!(
                (ended.lost, ended.by.as_str()),
                (true, "heartbeat"),
                "{ended:?}"
            );
            assert_eq!(ended.sign, "the deadline of its pings");
            assert_eq!(ended.tcpi_state.as_deref(), Some("established"));
            assert!(ended.unanswered >= 2, "{ended:?}");
            assert!(ended.silent_ms >= Some(5_900));
            assert!(ended.peer == here.local || ended.peer == there.local);
        }
        assert_eq!(other.ended(LATEST).by, "heartbeat");
        assert_eq!(other.code(), 1);
    });
}

#[test]
fn who_speaks_something_else_is_told_so() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let mut listen = End::listen(server, &format!("--once {METHOD}"));
        let stream = client.enter(|| TcpStream::connect((server.v4(), 8888)).unwrap());
        let mut stream = stream.unwrap();
        listen.connected();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let ended = listen.ended(SOON);
        assert_eq!((ended.lost, ended.by.as_str()), (true, "heartbeat"));
        assert!(ended.sign.starts_with("a frame: "), "{ended:?}");
        assert_eq!(listen.code(), 1);
    });
}
