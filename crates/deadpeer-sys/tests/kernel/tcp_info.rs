//! TCP_INFO of real connections, and muting them.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::testing::in_private_netns;
use deadpeer_sys::{SysError, sockopt, tcp_info};
use rustix::io::Errno;

use crate::pair;

#[test]
fn of_both_ends_and_their_listener() {
    in_private_netns(|| {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        assert_eq!(tcp_info(&listener).unwrap().state, Some(TcpState::Listen));

        let (mut client, server) = pair("::1");
        client.write_all(&[7; 100]).unwrap();
        let info = tcp_info(&server).unwrap();
        assert_eq!(info.state, Some(TcpState::Established));
        assert_eq!(info.bytes_received, Some(100));

        drop(server);
        until("the FIN arrives", || {
            tcp_info(&client).unwrap().state != Some(TcpState::Established)
        });
    });
}

#[test]
fn of_something_else() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (call, errno) = ("getsockopt(TCP_INFO)", Errno::OPNOTSUPP);
    assert_eq!(tcp_info(udp), Err(SysError { call, errno }));
}

#[test]
fn a_muted_peer_acknowledges_nothing_until_it_is_unmuted() {
    in_private_netns(|| {
        let (mut client, server) = pair("127.0.0.1");
        assert_eq!(sockopt::unmute(&server).unwrap_err().errno, Errno::NOENT);
        sockopt::mute(&server).unwrap();
        client.write_all(b"anybody there?").unwrap();
        until("a retransmission", || {
            tcp_info(&client).unwrap().retransmits > Some(0)
        });
        let info = tcp_info(&client).unwrap();
        assert_eq!((info.unacked, info.bytes_acked), (Some(1), Some(1)));
        assert_eq!(tcp_info(&server).unwrap().bytes_received, Some(0));

        sockopt::unmute(&server).unwrap();
        until("the acknowledgement", || {
            tcp_info(&client).unwrap().unacked == Some(0)
        });
        assert_eq!(tcp_info(&server).unwrap().bytes_received, Some(14));
    });
}

/// Asks again and again, for ten seconds at most.
fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
