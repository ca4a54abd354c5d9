//! What kind of socket a descriptor is, and which one.

use std::os::fd::AsFd;

use rustix::net::{AddressFamily, sockopt};

use crate::{Result, door};

/// What a socket speaks (`SO_DOMAIN` and `SO_PROTOCOL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// Multipath TCP: several TCP connections behind one descriptor (RFC 8684, Linux 5.6).
    Mptcp,
    /// Anything else.
    Other,
}

/// Asks what a socket speaks. `ENOTSOCK` if it is no socket.
#[doc(alias = "SO_DOMAIN")]
#[doc(alias = "SO_PROTOCOL")]
pub fn transport(fd: impl AsFd) -> Result<Transport> {
    let fd = fd.as_fd();
    let domain = door::call("getsockopt(SO_DOMAIN)", || sockopt::socket_domain(fd))?;
    if domain != AddressFamily::INET && domain != AddressFamily::INET6 {
        return Ok(Transport::Other);
    }
    let protocol = door::call("getsockopt(SO_PROTOCOL)", || sockopt::socket_protocol(fd))?;
    Ok(match protocol.map(|p| p.as_raw().get()) {
        Some(number) if number == libc::IPPROTO_TCP.cast_unsigned() => Transport::Tcp,
        Some(number) if number == libc::IPPROTO_MPTCP.cast_unsigned() => Transport::Mptcp,
        _ => Transport::Other,
    })
}

/// Reads `SO_COOKIE` (Linux 4.12): a number that no other socket of this machine has until it is
/// rebooted.
///
/// sock_diag and eBPF name the socket by the same number.
#[doc(alias = "SO_COOKIE")]
pub fn cookie(fd: impl AsFd) -> Result<u64> {
    door::call("getsockopt(SO_COOKIE)", || sockopt::socket_cookie(fd))
}
