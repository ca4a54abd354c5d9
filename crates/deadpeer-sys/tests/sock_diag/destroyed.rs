//! Sockets destroyed by cookie, on real connections.

use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;

use deadpeer_sys::sock_diag::{DestroyError, Request, SockDiag, SocketId, States};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Both ends of a connection, and the name of the first.
fn connection(
    listening: &str,
    calling: impl Fn(u16) -> String,
) -> (TcpStream, TcpStream, SocketId) {
    let listener = TcpListener::bind(listening).unwrap();
    let port = listener.local_addr().unwrap().port();
    let caller = TcpStream::connect(calling(port)).unwrap();
    let (called, _) = listener.accept().unwrap();
    let id = id(&called);
    (called, caller, id)
}

fn id(socket: &TcpStream) -> SocketId {
    let cookie = sockopt::cookie(socket).unwrap();
    let mut id = None;
    let everything = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut diag = SockDiag::open().unwrap();
    let dumped = diag.dump(everything, |socket| {
        if socket.cookie == cookie {
            id = Some(socket.id());
        }
        ControlFlow::Continue(())
    });
    dumped.unwrap();
    id.expect("the socket is in the table")
}

/// Skips where the kernel can't.
fn with_destroy(test: impl FnOnce(SockDiag) + Send) {
    in_private_netns(|| {
        let mut diag = SockDiag::open().unwrap();
        match diag.can_destroy().unwrap() {
            true => test(diag),
            false => skip("this kernel lacks CONFIG_INET_DIAG_DESTROY"),
        }
    });
}

fn both_ends_learn_of_it(listening: &str, calling: impl Fn(u16) -> String + Send) {
    with_destroy(|mut diag| {
        let (mut called, mut caller, id) = connection(listening, calling);
        diag.destroy(&id).unwrap();
        let owner = called.read(&mut [0]).unwrap_err().kind();
        let peer = caller.read(&mut [0]).unwrap_err().kind();
        assert_eq!(
            (owner, peer),
            (ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset)
        );
        assert_eq!(diag.destroy(&id), Err(DestroyError::Gone));
    });
}

#[test]
fn the_owner_is_told_and_the_peer_is_reset() {
    both_ends_learn_of_it("127.0.0.1:0", |port| format!("127.0.0.1:{port}"));
}

#[test]
fn ipv6_and_ipv4_in_ipv6() {
    both_ends_learn_of_it("[::1]:0", |port| format!("[::1]:{port}"));
    both_ends_learn_of_it("[::]:0", |port| format!("127.0.0.1:{port}"));
}

#[test]
fn another_cookie_between_the_same_ends_is_another_socket() {
    with_destroy(|mut diag| {
        let (_called, mut caller, mut id) =
            connection("127.0.0.1:0", |port| format!("127.0.0.1:{port}"));
        id.cookie += 1;
        assert_eq!(diag.destroy(&id), Err(DestroyError::Gone));
        caller.set_nonblocking(true).unwrap();
        let read = caller.read(&mut [0]).unwrap_err();
        assert_eq!(read.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn an_abandoned_dump_is_no_obstacle() {
    with_destroy(|mut diag| {
        let (_called, _caller, id) = connection("127.0.0.1:0", |port| format!("127.0.0.1:{port}"));
        let everything = Request {
            states: States::ALL,
            tcp_info: false,
        };
        diag.dump(everything, |_| ControlFlow::Break(())).unwrap();
        diag.destroy(&id).unwrap();
    });
}

#[test]
fn without_the_capability_nothing_happens() {
    with_destroy(|mut diag| {
        let (_called, mut caller, id) =
            connection("127.0.0.1:0", |port| format!("127.0.0.1:{port}"));
        // Of this thread alone, which ends with the test.
        let none = CapabilitySet::empty();
        let held = capabilities(None).unwrap();
        let without = CapabilitySets {
            effective: none,
            ..held
        };
        set_capabilities(None, without).unwrap();
        assert_eq!(diag.destroy(&id), Err(DestroyError::NotPermitted));
        caller.set_nonblocking(true).unwrap();
        let read = caller.read(&mut [0]).unwrap_err();
        assert_eq!(read.kind(), ErrorKind::WouldBlock);
    });
}
