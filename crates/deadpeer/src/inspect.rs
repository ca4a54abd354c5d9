//! Asking a socket: what is in force on it, and what the kernel knows of its connection.

use std::os::fd::AsFd;

use deadpeer_core::{Effective, TcpInfo};
use deadpeer_sys::sockopt;

use crate::error::SocketError;

/// Reads the options in force on a TCP socket: its own values, and the sysctls' where it has none.
///
/// The three keepalive values are those that count once keepalive is on. On a Multipath TCP socket,
/// which does not take them, user timeout, `rto_max_ms` and `syncnt` are `None`. Needs no
/// privilege.
///
/// # Errors
/// See [`SocketError`].
pub fn options(socket: impl AsFd) -> Result<Effective, SocketError> {
    let fd = socket.as_fd();
    sockopt::effective(fd).map_err(|error| SocketError::of(fd, error))
}

/// Asks for everything the kernel knows of a TCP connection (`TCP_INFO`, tcp(7)), of any kernel.
///
/// Nothing is consumed: no byte is read, no pending error taken. Needs no privilege. On a Multipath
/// TCP socket its first connection answers.
///
/// # Errors
/// See [`SocketError`].
#[doc(alias = "TCP_INFO")]
#[inline(always)]
pub fn inspect(socket: impl AsFd) -> Result<TcpInfo, SocketError> {
    let fd = socket.as_fd();
    deadpeer_sys::tcp_info_or(fd, |error| SocketError::of(fd, error))
}
