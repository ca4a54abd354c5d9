//! Asking a socket: what is in force on it, and what the kernel knows of its connection.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use deadpeer_core::{Effective, TcpInfo};
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{Errno, SysError};

/// Why the options of a socket could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// The socket is not TCP.
    NotTcp,
    /// The kernel refused: `EBADF`, `ENOTSOCK`.
    Call(SysError),
}

impl std::error::Error for OptionsError {}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTcp => f.write_str("not a TCP socket"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

/// Why a connection could not be inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InspectError {
    /// The socket is not TCP.
    NotTcp,
    /// The kernel refused: `EBADF`, `ENOTSOCK`.
    Call(SysError),
}

impl std::error::Error for InspectError {}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTcp => f.write_str("not a TCP socket"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

/// Reads the options in force on a TCP socket: its own values, and the sysctls' where it has none.
///
/// The three keepalive values are those that count once keepalive is on. On a Multipath TCP socket,
/// which does not take them, user timeout, `rto_max_ms` and `syncnt` are `None`. Needs no
/// privilege.
///
/// # Errors
/// See [`OptionsError`].
pub fn options(socket: impl AsFd) -> Result<Effective, OptionsError> {
    let fd = socket.as_fd();
    sockopt::effective(fd).map_err(|error| {
        if is_no_tcp(fd, error) {
            OptionsError::NotTcp
        } else {
            OptionsError::Call(error)
        }
    })
}

/// Asks for everything the kernel knows of a TCP connection (`TCP_INFO`, tcp(7)), of any kernel.
///
/// Nothing is consumed: no byte is read, no pending error taken. Needs no privilege. On a Multipath
/// TCP socket its first connection answers.
///
/// # Errors
/// See [`InspectError`].
#[doc(alias = "TCP_INFO")]
#[inline(always)]
pub fn inspect(socket: impl AsFd) -> Result<TcpInfo, InspectError> {
    let fd = socket.as_fd();
    deadpeer_sys::tcp_info_or(fd, |error| {
        if is_no_tcp(fd, error) {
            InspectError::NotTcp
        } else {
            InspectError::Call(error)
        }
    })
}

fn is_no_tcp(fd: BorrowedFd<'_>, error: SysError) -> bool {
    matches!(error.errno, Errno::OPNOTSUPP | Errno::NOPROTOOPT)
        && matches!(sockopt::transport(fd), Ok(Transport::Other))
}
