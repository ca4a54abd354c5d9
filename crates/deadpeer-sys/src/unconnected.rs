//! TCP sockets that are not connected: not yet, or no more.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, ipproto, socket_with};

use crate::{Result, door};

/// A TCP socket for addresses of this one's family, neither connected nor listening: what is set on
/// it counts from the handshake on, and a `TcpListener` or a `TcpStream` can be made of it.
///
/// # Errors
/// `EAFNOSUPPORT` where the kernel has no IPv6, `EMFILE`, `ENFILE`.
pub fn unconnected(address: SocketAddr) -> Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC;
    door::call("socket", || {
        socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))
    })
}

/// Makes a socket unconnected again (connect(2) with `AF_UNSPEC`). Whoever waits on it is woken,
/// and hears `ENOTCONN` from then on; the peer gets an RST.
///
/// # Errors
/// `EINVAL` where the socket is being connected or lends itself to something else.
pub fn disconnect(socket: impl AsFd) -> Result<()> {
    door::call("connect(AF_UNSPEC)", || net::connect_unspec(socket))
}
