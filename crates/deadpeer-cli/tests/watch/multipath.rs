//! Multipath TCP: the parts of its connections are TCP connections, and each dies once.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use deadpeer_lab::router::Action;
use deadpeer_lab::testing::inside;
use deadpeer_lab::{Host, Lab};
use deadpeer_sys::testing::skip;
use socket2::{Domain, Protocol, Socket, Type};

use crate::observer::{Ends, Observer};
use crate::scenes::{Stage, keepalive};

fn socket() -> std::io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP))
}

/// A connection between hosts, our end first.
fn pair(ours: &Host, theirs: &Host) -> (TcpStream, Socket) {
    let listen = || {
        let listener = socket().unwrap();
        listener.bind(&(theirs.v4(), 0).into()).unwrap();
        listener.listen(1).unwrap();
        listener
    };
    let listener = theirs.enter(listen).unwrap();
    let there = listener.local_addr().unwrap();
    let connect = || {
        let here = socket().unwrap();
        here.connect(&there).unwrap();
        here
    };
    let here = ours.enter(connect).unwrap();
    let (there, _) = listener.accept().unwrap();
    (TcpStream::from(OwnedFd::from(here)), there)
}

#[test]
fn a_connection_by_multipath_tcp_dies_once_and_of_its_cause() {
    inside(|| {
        if let Err(error) = socket() {
            return skip(&format!("no Multipath TCP: {error}"));
        }
        let lab = Lab::with_hosts(["ours", "theirs"]).start().unwrap();
        let [ours, theirs] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let stage = Stage::new(&lab, theirs.v4().into());
        for means in [&[][..], &["--no-bpf"]] {
            let mut observer = Observer::start(ours, means);
            let (silent, _there) = pair(ours, theirs);
            stage.strike(&silent, Action::Drop);
            keepalive(&silent, 2);
            let (reset, there) = pair(ours, theirs);
            there.set_linger(Some(Duration::ZERO)).unwrap();
            drop(there);
            for (socket, cause) in [(&silent, "keepalive-unanswered"), (&reset, "reset")] {
                let ends = Ends::Ours(socket.local_addr().unwrap().port());
                let death = observer.death(cause, ends, || {});
                let known = [cause, "unknown"];
                assert!(
                    known.contains(&death["cause"].as_str().unwrap()),
                    "{death:#}"
                );
                if observer.sees_by("bpf") {
                    assert_eq!(death["cause"], cause, "{death:#}");
                    assert_eq!(death["certain"], true, "{death:#}");
                }
            }
            // What holds them both ends, and nothing more is told of them.
            drop((silent, reset));
            let (_, there) = pair(ours, theirs);
            drop(there);
            observer.look();
            assert_eq!(observer.deaths.len(), 2, "{:#?}", observer.deaths);
        }
    });
}
