//! Why a socket could not be asked.

use std::fmt;
use std::os::fd::AsFd;

use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{Errno, SysError};

/// Why a socket could not be asked for its options or its condition, or asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketError {
    /// The socket is not TCP.
    NotTcp,
    /// The kernel refused: `EBADF`, `ENOTSOCK`.
    Call(SysError),
}

impl SocketError {
    /// What it means that the kernel refused to say something of TCP.
    pub(crate) fn of(fd: impl AsFd, error: SysError) -> Self {
        let asked_in_vain = matches!(error.errno, Errno::OPNOTSUPP | Errno::NOPROTOOPT);
        match asked_in_vain && sockopt::transport(fd) == Ok(Transport::Other) {
            true => Self::NotTcp,
            false => Self::Call(error),
        }
    }
}

impl std::error::Error for SocketError {}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTcp => f.write_str("not a TCP socket"),
            Self::Call(error) => error.fmt(f),
        }
    }
}
