//! Connections and what happens to them.

use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;
use std::{io::Write, net::SocketAddr};

use deadpeer::TcpState;
use deadpeer_sys::sockopt;
use socket2::{Domain, SockRef, Socket, Type};

use crate::until;

/// A connection to which something has happened.
pub(crate) struct Scene {
    /// The application's end.
    pub(crate) socket: TcpStream,
    /// What must stay open.
    _rest: Vec<OwnedFd>,
}

impl Scene {
    fn new(socket: TcpStream, rest: impl Into<OwnedFd>) -> Self {
        Self {
            socket,
            _rest: vec![rest.into()],
        }
    }
}

/// Something that happens to a connection.
pub(crate) struct Act {
    pub(crate) title: &'static str,
    pub(crate) play: fn() -> Scene,
}

/// Everything that can be played on loopback, each in its own namespace.
pub(crate) const ACTS: [Act; 13] = [
    Act {
        title: "the peer closes, or its process ends",
        play: closed,
    },
    Act {
        title: "the peer shuts down its sending half",
        play: half_closed,
    },
    Act {
        title: "the peer closes with our data unread, or aborts (RST)",
        play: reset,
    },
    Act {
        title: "the peer closes, then answers a late byte of ours with RST",
        play: reset_after_fin,
    },
    Act {
        title: "the peer vanishes; keepalive gives up",
        play: keepalive,
    },
    Act {
        title: "the peer vanishes with data in flight; the user timeout gives up",
        play: user_timeout,
    },
    Act {
        title: "the peer vanishes with data in flight; tcp_retries2 gives up",
        play: retries,
    },
    Act {
        title: "both ends close their sending halves",
        play: both_closed,
    },
    Act {
        title: "the socket is destroyed on this machine (`ss -K`)",
        play: destroyed,
    },
    Act {
        title: "connect() meets no listener",
        play: refused,
    },
    Act {
        title: "connect() gets no answer",
        play: unanswered,
    },
    Act {
        title: "our own shutdown(SHUT_RD); the peer lives",
        play: own_read_shutdown,
    },
    Act {
        title: "our own shutdown(SHUT_RDWR); the peer lives",
        play: own_shutdown,
    },
];

/// Both ends of a loopback connection: the application's first.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    (socket, peer)
}

pub(crate) fn state(socket: &TcpStream) -> Option<TcpState> {
    deadpeer::inspect(socket).unwrap().state
}

fn closed() -> Scene {
    let (socket, peer) = pair();
    let (rest, _) = pair();
    drop(peer);
    Scene::new(socket, rest)
}

fn half_closed() -> Scene {
    let (socket, peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    Scene::new(socket, peer)
}

fn reset() -> Scene {
    let (mut socket, peer) = pair();
    socket.write_all(b"unread").unwrap();
    until("data to reject", || peer.peek(&mut [0; 8]).unwrap() == 6);
    drop(peer);
    over(socket)
}

fn reset_after_fin() -> Scene {
    let (mut socket, peer) = pair();
    drop(peer);
    until("the FIN", || state(&socket) == Some(TcpState::CloseWait));
    socket.write_all(b"late").unwrap();
    over(socket)
}

fn keepalive() -> Scene {
    let (socket, peer) = pair();
    sockopt::mute(&peer).unwrap();
    sockopt::set_keepalive(&socket, true).unwrap();
    sockopt::set_keepintvl_s(&socket, 1).unwrap();
    sockopt::set_keepcnt(&socket, 2).unwrap();
    sockopt::set_keepidle_s(&socket, 1).unwrap();
    let mut scene = over(socket);
    scene._rest.push(peer.into());
    scene
}

fn user_timeout() -> Scene {
    let (mut socket, peer) = pair();
    sockopt::mute(&peer).unwrap();
    sockopt::set_user_timeout_ms(&socket, Some(300)).unwrap();
    socket.write_all(b"lost").unwrap();
    let mut scene = over(socket);
    scene._rest.push(peer.into());
    scene
}

fn retries() -> Scene {
    fs::write("/proc/sys/net/ipv4/tcp_retries2", "2").unwrap();
    let (mut socket, peer) = pair();
    sockopt::mute(&peer).unwrap();
    socket.write_all(b"lost").unwrap();
    let mut scene = over(socket);
    scene._rest.push(peer.into());
    scene
}

fn both_closed() -> Scene {
    let (socket, peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    until("the FIN", || state(&socket) == Some(TcpState::CloseWait));
    socket.shutdown(Shutdown::Write).unwrap();
    let mut scene = over(socket);
    scene._rest.push(peer.into());
    scene
}

fn destroyed() -> Scene {
    let (socket, peer) = pair();
    let port = socket.peer_addr().unwrap().port().to_string();
    let killed = Command::new("ss")
        .args(["-K", "dport", "=", &port])
        .output()
        .expect("ss of iproute2");
    assert!(killed.status.success(), "{killed:?}");
    let mut scene = over(socket);
    scene._rest.push(peer.into());
    scene
}

fn refused() -> Scene {
    // Not a listener that was closed: a child process of another test may hold it for a moment
    // longer.
    let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    bound
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let address = bound.local_addr().unwrap().as_socket().unwrap();
    let (rest, _) = pair();
    let socket = connecting(address);
    until("the refusal", || state(&socket) == Some(TcpState::Close));
    Scene::new(socket, rest)
}

fn unanswered() -> Scene {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    sockopt::mute(&listener).unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    sockopt::set_user_timeout_ms(&socket, Some(500)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    socket.connect(&address.into()).unwrap_err();
    let socket = TcpStream::from(socket);
    until("the end", || state(&socket) == Some(TcpState::Close));
    Scene::new(socket, listener)
}

fn own_read_shutdown() -> Scene {
    let (socket, peer) = pair();
    socket.shutdown(Shutdown::Read).unwrap();
    Scene::new(socket, peer)
}

fn own_shutdown() -> Scene {
    let (socket, peer) = pair();
    socket.shutdown(Shutdown::Both).unwrap();
    until("the FIN's arrival", || {
        state(&socket) == Some(TcpState::FinWait2)
    });
    Scene::new(socket, peer)
}

fn connecting(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let begun = socket.connect(&address.into());
    assert!(begun.is_err(), "a connection in no time");
    socket.into()
}

fn over(socket: TcpStream) -> Scene {
    until("the end", || state(&socket) == Some(TcpState::Close));
    Scene {
        socket,
        _rest: Vec::new(),
    }
}

/// Makes closing send RST.
pub(crate) fn abort(peer: TcpStream) {
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}
