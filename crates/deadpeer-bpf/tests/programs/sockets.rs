//! Connections to look at.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use deadpeer_bpf::{Engine, Socket};
use deadpeer_core::{SocketOptions, TcpState};
use deadpeer_sys::sockopt;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// A listener and both ends of a connection to it.
pub(crate) struct Pair {
    pub(crate) listener: TcpListener,
    pub(crate) caller: TcpStream,
    pub(crate) called: TcpStream,
}

impl Pair {
    pub(crate) fn connect(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (called, _) = listener.accept().unwrap();
        Self {
            listener,
            caller,
            called,
        }
    }

    /// The caller in FIN_WAIT2 and the called in CLOSE_WAIT.
    pub(crate) fn half_closed(engine: &Engine) -> Self {
        let pair = Self::connect("127.0.0.1:0");
        pair.caller.shutdown(Shutdown::Write).unwrap();
        wait_for(engine, cookie(&pair.caller), TcpState::FinWait2);
        pair
    }
}

/// A listener with a connection that waits to be accepted, and the other end of that.
pub(crate) fn unaccepted() -> (TcpListener, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener, caller)
}

/// A socket in SYN_SENT.
pub(crate) fn connecting() -> OwnedFd {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    let begun = rustix::net::connect(&socket, &deaf());
    assert_eq!(begun, Err(rustix::io::Errno::INPROGRESS));
    socket
}

/// A socket that has done nothing yet.
pub(crate) fn unconnected() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap()
}

/// An address that nobody listens on, and what keeps it so. No listener was ever there that a child
/// process of another test could still hold.
pub(crate) fn bound() -> (OwnedFd, SocketAddr) {
    let socket = unconnected();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    (socket, address.try_into().unwrap())
}

/// The address of a listener that answers no SYN, for its queue is full. It lives as long as the
/// test's process.
pub(crate) fn deaf() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    std::mem::forget(TcpStream::connect(address).unwrap());
    std::mem::forget(listener);
    address
}

/// The sockets of this thread's network namespace.
pub(crate) fn all(engine: &Engine) -> Vec<Socket> {
    let mut all = Vec::new();
    let shown = engine.sockets().unwrap().each(|socket| {
        all.push(socket.clone());
        ControlFlow::Continue(())
    });
    shown.unwrap();
    all
}

/// The one with this cookie.
pub(crate) fn with_cookie(engine: &Engine, cookie: u64) -> Option<Socket> {
    all(engine)
        .into_iter()
        .find(|socket| socket.cookie == cookie)
}

/// The end of a connection with these addresses.
pub(crate) fn between(engine: &Engine, local: SocketAddr, peer: SocketAddr) -> Option<Socket> {
    all(engine)
        .into_iter()
        .find(|socket| socket.local == local && socket.peer == peer)
}

/// Waits until the socket is in a state.
pub(crate) fn wait_for(engine: &Engine, cookie: u64, state: TcpState) -> Socket {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let found = with_cookie(engine, cookie).filter(|socket| socket.state == state);
        if let Some(socket) = found {
            return socket;
        }
        assert!(Instant::now() < end, "not in {state} after 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn cookie(socket: impl AsFd) -> u64 {
    sockopt::cookie(socket).unwrap()
}

/// Keepalive on, 9 s, 2 s, 8 probes, and a user timeout.
pub(crate) fn protected() -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(9),
        keepintvl_s: Some(2),
        keepcnt: Some(8),
        user_timeout_ms: Some(14_500),
        ..SocketOptions::default()
    }
}

/// What [`protected`] sets, as the socket itself tells it.
pub(crate) fn assert_protected(socket: impl AsFd) {
    let has = sockopt::effective(&socket).unwrap();
    let told = (has.keepalive, has.keepidle_s, has.keepintvl_s, has.keepcnt);
    assert_eq!(told, (true, 9, 2, 8));
    assert_eq!(has.user_timeout_ms, Some(14_500));
}
