//! Every call on a real kernel: loopback sockets in private network namespaces.

mod clock;
mod netns;
mod pidfd;
mod readiness;
mod sockopt;
mod sysctl;
mod tcp_info;

use std::net::{TcpListener, TcpStream};

/// Both ends of a loopback connection: the connecting one first.
fn pair(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}
