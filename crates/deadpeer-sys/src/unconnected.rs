//! TCP sockets before they connect or listen.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};

use crate::{Result, SysError};

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
    socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))
        .map_err(SysError::of("socket"))
}
