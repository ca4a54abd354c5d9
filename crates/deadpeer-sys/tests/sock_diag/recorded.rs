//! The recorded answer, compared with what its script did.

use std::net::SocketAddr;

use deadpeer_core::{KernelVersion, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{Family, MessageKind, Socket, TimerKind, messages};

use crate::RECORDED;

fn sockets() -> Vec<Socket<'static>> {
    let mut sockets = Vec::new();
    for message in messages(RECORDED) {
        if let MessageKind::Socket(socket) = message.unwrap().kind {
            sockets.push(socket);
        }
    }
    sockets
}

/// The one socket with these ports.
fn socket(local: u16, peer: u16) -> Socket<'static> {
    let mut found = sockets();
    found.retain(|socket| (socket.local.port(), socket.peer.port()) == (local, peer));
    assert_eq!(found.len(), 1, "{local} -> {peer}");
    found.remove(0)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn the_dump_is_whole() {
    let last = messages(RECORDED).last().unwrap().unwrap();
    assert_eq!(last.kind, MessageKind::Done(None));
    assert!(messages(RECORDED).all(|message| !message.unwrap().interrupted));
    assert_eq!(sockets().len(), 19);
}

#[test]
fn listeners_come_first() {
    let states: Vec<_> = sockets().iter().map(|socket| socket.state).collect();
    let listeners = states
        .iter()
        .filter(|state| **state == TcpState::Listen)
        .count();
    assert_eq!(listeners, 7);
    assert!(
        states[..listeners]
            .iter()
            .all(|state| *state == TcpState::Listen)
    );
}

#[test]
fn cookies_tell_sockets_apart() {
    let mut cookies: Vec<_> = sockets().iter().map(|socket| socket.cookie).collect();
    cookies.sort_unstable();
    cookies.dedup();
    assert_eq!(cookies.len(), sockets().len());
}

#[test]
fn a_listener_shows_its_queue() {
    let listener = socket(1001, 0);
    assert_eq!(listener.local, address("127.0.0.1:1001"));
    assert_eq!(listener.peer, address("0.0.0.0:0"));
    assert_eq!((listener.rqueue, listener.wqueue), (1, 5));
    assert_eq!((listener.v6only, listener.timer), (None, None));
    assert!(listener.inode.is_some());
}

#[test]
fn what_waits_for_accept_has_no_inode() {
    let queued = socket(1001, 2001);
    assert_eq!((queued.state, queued.inode), (TcpState::Established, None));
}

#[test]
fn ipv6_listeners_say_whether_they_take_ipv4() {
    assert_eq!(socket(1002, 0).v6only, Some(false));
    assert_eq!(socket(1003, 0).v6only, Some(true));
    assert_eq!(socket(1002, 0).local, address("[::]:1002"));
    assert_eq!(socket(1003, 0).local, address("[::1]:1003"));
}

#[test]
fn an_ipv4_connection_of_an_ipv6_socket() {
    let mapped = socket(1002, 2002);
    assert_eq!(mapped.family, Family::V6);
    assert_eq!(mapped.local, address("127.0.0.1:1002"));
    assert_eq!(mapped.peer, address("127.0.0.1:2002"));
    assert_eq!(socket(2002, 1002).family, Family::V4);
}

#[test]
fn an_armed_keepalive_timer() {
    let timer = socket(2002, 1002).timer.unwrap();
    assert_eq!((timer.kind, timer.unanswered), (TimerKind::Keepalive, 0));
    assert!((50_000..=60_000).contains(&timer.expires_in_ms));
}

#[test]
fn bytes_nobody_read() {
    let called = socket(1003, 2003);
    assert_eq!((called.rqueue, called.wqueue), (5, 0));
    assert_eq!(called.local, address("[::1]:1003"));
}

#[test]
fn a_call_without_an_answer() {
    let calling = socket(2004, 1004);
    assert_eq!(calling.state, TcpState::SynSent);
    assert_eq!(calling.timer.unwrap().kind, TimerKind::Retransmit);
}

#[test]
fn bytes_in_flight() {
    let calling = socket(2005, 1005);
    assert_eq!(calling.wqueue, 100);
    assert_eq!(calling.timer.unwrap().kind, TimerKind::Retransmit);
}

#[test]
fn a_peer_that_does_not_read() {
    let calling = socket(2006, 1006);
    assert_eq!(calling.timer.unwrap().kind, TimerKind::ZeroWindowProbe);
    assert!(calling.wqueue > 0);
    let info = TcpInfo::decode(calling.tcp_info.unwrap(), Some(KernelVersion::new(6, 18)));
    // Not closed, but smaller than the segment that waits: the kernel probes it all the same.
    assert!(info.snd_wnd < info.snd_mss);
    assert!(info.notsent_bytes > info.snd_wnd);
}

#[test]
fn time_wait_has_neither_owner_nor_info() {
    let over = socket(2007, 1007);
    assert_eq!(over.state, TcpState::TimeWait);
    assert_eq!(over.timer.unwrap().kind, TimerKind::TimeWait);
    assert_eq!((over.inode, over.tcp_info), (None, None));
}

#[test]
fn tcp_info_has_this_kernels_length_and_state() {
    for socket in sockets() {
        if let Some(bytes) = socket.tcp_info {
            let info = TcpInfo::decode(bytes, Some(KernelVersion::new(6, 18)));
            assert_eq!(bytes.len(), 280);
            assert_eq!(info.state, Some(socket.state));
        }
    }
}
