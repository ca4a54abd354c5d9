//! Each classic method notices what it can, by its own sign, and misses what it cannot see.

use std::net::TcpListener;
use std::time::Duration;

use deadpeer_lab::router::{Action, Condition, Reject, Rule};
use deadpeer_lab::testing::{inside, power_off};
use deadpeer_lab::{Host, Lab};

use crate::end::{End, Ended, SOON};
use crate::room::lab;

/// Room above every deadline that is asked for here.
const LATEST: Duration = Duration::from_secs(30);

/// A client with this method, and what becomes of it when its server closes.
fn closed(server: &Host, client: &Host, arguments: &str) -> Ended {
    let mut listen = End::listen(server, "");
    let (mut connect, connected) = End::connect(client, server, arguments);
    assert!(arguments.contains(&connected.method), "{connected:?}");
    listen.connected();
    listen.interrupt();
    let ended = connect.ended(SOON);
    assert_eq!((connect.code(), listen.code()), (0, 130));
    assert_eq!((ended.lost, ended.by.as_str()), (false, "peer"));
    assert_eq!(ended.cause.as_deref(), Some("peer-closed"));
    ended
}

#[test]
fn an_orderly_close_is_seen_by_every_method() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let sign = |arguments| closed(server, client, arguments).sign;
        assert_eq!(sign("--method recv"), "a read returned 0");
        assert_eq!(
            sign("--method tcp-info"),
            "the state close-wait in TCP_INFO"
        );
        assert_eq!(sign("--method poll"), "the bits RDHUP of poll");
        assert_eq!(sign("--method poll --no-read"), "the bits RDHUP of poll");
        assert_eq!(sign("--method keepalive"), "a read returned 0");
        assert_eq!(sign("--method user-timeout"), "a read returned 0");
        assert_eq!(
            sign("--kernel-only --slow-readers drop"),
            "a read returned 0"
        );
    });
}

/// A client with this method whose server closes before it has read everything: a RST.
fn reset(server: &Host, client: &Host, arguments: &str) -> Ended {
    let listener = server.enter(|| TcpListener::bind(("0.0.0.0", 8888)).unwrap());
    let listener = listener.unwrap();
    let (mut connect, _) = End::connect(client, server, arguments);
    connect.say("unread");
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    assert!(stream.peek(&mut [0]).unwrap() > 0);
    drop(stream);
    let ended = connect.ended(SOON);
    assert_eq!(connect.code(), 1);
    assert_eq!((ended.lost, ended.by.as_str()), (true, "peer"));
    assert_eq!(ended.cause.as_deref(), Some("reset"));
    assert_eq!(ended.errno.as_deref(), Some("ECONNRESET"));
    ended
}

#[test]
fn what_vanished_is_seen_by_those_who_ask() {
    inside(|| {
        let names = [
            "recv",
            "tcp-info",
            "poll",
            "keepalive",
            "user-timeout",
            "kernel-only",
        ];
        let lab = lab(names);
        let [server, hosts @ ..] = lab.hosts() else {
            unreachable!()
        };
        let _listen = End::listen(server, "--method recv");
        std::thread::scope(|scope| {
            for host in hosts {
                let lab = &lab;
                scope.spawn(move || match host.name() {
                    "keepalive" => {
                        given_up_idle(lab, server, host, "--method keepalive --within 8s")
                    }
                    "kernel-only" => {
                        let arguments = "--kernel-only --slow-readers drop --within 10s";
                        given_up_idle(lab, server, host, arguments);
                    }
                    "user-timeout" => given_up_in_flight(lab, server, host),
                    blind => stays_blind(lab, server, host, blind),
                });
            }
        });
    });
}

/// Asked by probes: the kernel gives it up.
fn given_up_idle(lab: &Lab, server: &Host, host: &Host, arguments: &str) {
    let (mut connect, _) = End::connect(host, server, arguments);
    power_off(lab, host).unwrap();
    let ended = connect.ended(LATEST);
    assert_eq!(
        (ended.lost, ended.by.as_str()),
        (true, "kernel"),
        "{ended:?}"
    );
    assert_eq!(ended.question.as_deref(), Some("probe"));
    assert_eq!(ended.cause.as_deref(), Some("timed-out"));
    assert_eq!(ended.errno.as_deref(), Some("ETIMEDOUT"));
    assert_eq!(ended.sign, "a read failed");
    assert_eq!(ended.poll, "ERR HUP RDHUP");
    assert_eq!(connect.code(), 1);
}

/// Idle, nobody asks; with data in flight the user timeout gives it up.
fn given_up_in_flight(lab: &Lab, server: &Host, host: &Host) {
    let (mut connect, _) = End::connect(host, server, "--method user-timeout --within 6s");
    power_off(lab, host).unwrap();
    let silent = connect.seen("silent", LATEST);
    assert_eq!(silent.unanswered, Some(0));
    connect.say("anybody there?");
    let ended = connect.ended(LATEST);
    assert_eq!(
        (ended.lost, ended.by.as_str()),
        (true, "kernel"),
        "{ended:?}"
    );
    assert_eq!(ended.question.as_deref(), Some("retransmission"));
    assert_eq!(ended.errno.as_deref(), Some("ETIMEDOUT"));
    assert_eq!(connect.code(), 1);
}

/// Nobody asks, so nothing is ever noticed: twice the deadline passes in silence.
fn stays_blind(lab: &Lab, server: &Host, host: &Host, method: &str) {
    let (mut connect, _) = End::connect(host, server, &format!("--method {method} --within 4s"));
    power_off(lab, host).unwrap();
    for _ in 0..2 {
        let silent = connect.seen("silent", LATEST);
        assert_eq!(silent.unanswered, Some(0), "{silent:?}");
    }
    connect.interrupt();
    let ended = connect.ended(SOON);
    assert_eq!((ended.by.as_str(), ended.lost), ("us", false));
    assert_eq!(ended.tcpi_state.as_deref(), Some("established"));
    assert_eq!(ended.poll, "");
    assert_eq!(connect.code(), 130);
}

#[test]
fn a_reset_is_seen_by_every_method() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let sign = |arguments| reset(server, client, arguments).sign;
        assert_eq!(sign("--method recv"), "a read failed");
        assert_eq!(sign("--method tcp-info"), "the state close in TCP_INFO");
        assert_eq!(sign("--method poll"), "the bits ERR HUP RDHUP of poll");
    });
}

/// What a router says while the kernel asks becomes the error it gives up with.
#[test]
fn a_routers_word_is_the_cause() {
    inside(|| {
        let lab = lab(["host", "network"]);
        let [server, hosts @ ..] = lab.hosts() else {
            unreachable!()
        };
        let _listen = End::listen(server, "--method recv");
        let said = hosts.iter().map(|host| {
            let (mut connect, _) = End::connect(host, server, "--method user-timeout --within 5s");
            let (reject, cause, errno) = match host.name() {
                "host" => (Reject::Host, "host-unreachable", "EHOSTUNREACH"),
                _ => (Reject::Network, "network-unreachable", "ENETUNREACH"),
            };
            let theirs = Condition::any().from(host.end());
            let rule = Rule::new("turned away", theirs, Action::Reject(reject));
            lab.wire().add(rule).unwrap();
            connect.say("anybody there?");
            (connect, cause, errno)
        });
        for (mut connect, cause, errno) in said.collect::<Vec<_>>() {
            let ended = connect.ended(LATEST);
            assert_eq!(
                (ended.lost, ended.by.as_str()),
                (true, "kernel"),
                "{ended:?}"
            );
            assert_eq!(ended.cause.as_deref(), Some(cause));
            assert_eq!(ended.errno.as_deref(), Some(errno));
            assert_eq!(connect.code(), 1);
        }
    });
}
