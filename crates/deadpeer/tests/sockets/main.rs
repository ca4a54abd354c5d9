//! Options on real sockets: every kind, every state, every library's type.

mod kinds;
mod protect;
mod refusals;
mod states;
mod timers;

use std::net::{TcpListener, TcpStream};

use deadpeer::SocketOptions;

/// Both ends of a loopback connection: the connecting one first.
fn pair(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// One value for each option, none of them a default.
fn every_option() -> SocketOptions {
    let mut options = SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(20),
        keepintvl_s: Some(2),
        keepcnt: Some(4),
        user_timeout_ms: Some(29_000),
        syncnt: Some(3),
        ..SocketOptions::default()
    };
    if deadpeer::running_kernel().unwrap().rto_max_option {
        options.rto_max_ms = Some(5_000);
    }
    options
}
