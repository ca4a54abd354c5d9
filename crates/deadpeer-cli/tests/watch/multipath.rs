//! Multipath TCP: the parts of its connections are TCP connections, and each dies once.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use deadpeer_lab::router::Action;
use deadpeer_lab::testing::inside;
use deadpeer_lab::{Host, Lab};
use deadpeer_sys::testing::skip;
use socket2::{Domain, Protocol, Socket, Type};

use crate::causes::{ATTEMPTS, TOLD_WITHIN};
use crate::observer::{Ends, Observer, PATIENCE};
use crate::scenes::{Stage, keepalive};

fn socket() -> std::io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP))
}

/// A connection between hosts, our end first.
fn pair(ours: &Host, theirs: &Host) -> (TcpStream, Socket) {
    let listen = || {
        let listener = socket().unwrap();
        let address = SocketAddr::from((theirs.v4(), 0));
        listener.bind(&address.into()).unwrap();
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

/// Ends once the reset of its peer has come, and says its port.
fn is_reset(ours: &Host, theirs: &Host) -> Ends {
    let (mut here, there) = pair(ours, theirs);
    there.set_linger(Some(Duration::ZERO)).unwrap();
    drop(there);
    here.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = here.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Ends::Ours(here.local_addr().unwrap().port())
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
            let mut dies = |ends, cause| {
                let death = observer.death_within(TOLD_WITHIN, ends, || {})?;
                match observer.sees_by("bpf") {
                    true => assert_eq!(death["cause"], cause, "{death:#}"),
                    false => assert_eq!(death["certain"], false, "{death:#}"),
                }
                Some(observer.deaths.len())
            };
            // Ended by a timer: see `ATTEMPTS`.
            let silent = (0..ATTEMPTS).find_map(|_| {
                let (silent, there) = pair(ours, theirs);
                stage.strike(&silent, Action::Drop);
                keepalive(&silent, 2);
                let ends = Ends::Ours(silent.local_addr().unwrap().port());
                let told = dies(ends, "keepalive-unanswered")?;
                assert_eq!(told, 1);
                Some((silent, there))
            });
            let (silent, _there) = silent.expect("it is told in one of the attempts");
            // Nothing is told again when its program closes it.
            drop(silent);
            for count in [2, 3] {
                assert_eq!(
                    dies(is_reset(ours, theirs), "reset"),
                    Some(count),
                    "{means:?}"
                );
            }
        }
    });
}
