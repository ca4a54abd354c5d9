//! Multipath TCP, which takes keepalive and no other option: what is idle is supervised all the
//! same.

use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use deadpeer::verdict::Preference;
use deadpeer::{News, Supervision, Verdict, Watch};
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use deadpeer_sys::testing::{in_private_netns, skip};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{soon, until};

/// Both ends of a connection, if this machine has Multipath TCP.
fn multipath() -> Option<(TcpStream, TcpStream)> {
    let socket = || Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::MPTCP));
    let listener = match socket() {
        Ok(listener) => listener,
        Err(error) => {
            skip(&format!("no Multipath TCP: {error}"));
            return None;
        }
    };
    let any: SocketAddr = "[::1]:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(1).unwrap();
    let near = socket().unwrap();
    near.connect(&listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let stream = |socket| TcpStream::from(OwnedFd::from(socket));
    Some((stream(near), stream(far)))
}

/// These sockets take no filter. Without addresses of IPv6 in this namespace nothing arrives.
fn cut() {
    std::fs::write("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1").unwrap();
}

/// Whether a part of it that begins here is in the kernel's table.
fn is_in_the_table(local: SocketAddr) -> bool {
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut found = false;
    let mut table = SockDiag::open().unwrap();
    table
        .dump(request, |socket| {
            found |= socket.local == local;
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

#[test]
fn a_vanished_peer_is_noticed_and_nothing_is_left() {
    in_private_netns(|| {
        let Some((near, _far)) = multipath() else {
            return;
        };
        let supervision = Supervision::within(Duration::from_secs(2));
        let mut watch = Watch::supervised(supervision.prefer(Preference::Deadline)).unwrap();
        watch.add(&near, 1).unwrap();
        cut();
        let [event] = soon(&mut watch)[..] else {
            panic!("one vanished");
        };
        let unreachable = |news| matches!(news, News::Judged(Verdict::Unreachable { .. }));
        assert!(unreachable(event.news), "{event:?}");

        let local = near.local_addr().unwrap();
        assert!(is_in_the_table(local));
        let closed = Instant::now();
        drop(near);
        until("it goes", || !is_in_the_table(local));
        assert!(closed.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn who_leaves_gets_its_own_options_back() {
    in_private_netns(|| {
        let Some((near, _far)) = multipath() else {
            return;
        };
        let own = deadpeer::options(&near).unwrap();
        let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(30))).unwrap();
        watch.add(&near, 1).unwrap();
        let held = deadpeer::options(&near).unwrap();
        assert!(held.keepalive && held.user_timeout_ms.is_none(), "{held:?}");
        assert!(watch.remove(&near));
        assert_eq!(deadpeer::options(&near).unwrap(), own);
    });
}
