//! A connection as the report knows it.

use std::net::SocketAddr;
use std::time::Duration;

/// Both ends of a connection, and what it has come to so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// How long it has stood.
    pub(super) age: Duration,
    /// Bytes, frames of heartbeats included.
    pub(super) received: u64,
    pub(super) sent: u64,
}
