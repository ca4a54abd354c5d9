//! What a connection is doing now, as the kernel's table shows it.

use deadpeer_core::{TcpInfo, TcpState};
use deadpeer_host::{ArmedTimer, Socket};

/// The numbers behind "what it is doing now", small enough to keep for every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doing {
    /// The state.
    pub(super) state: TcpState,
    /// The timer that runs.
    pub(super) timer: Option<ArmedTimer>,
    /// Bytes written and not acknowledged; for a listener, the longest queue it allows.
    pub(super) queued: u32,
    /// Bytes received and not read; for a listener, connections waiting for accept().
    pub(super) received: u32,
    /// Milliseconds since the peer was last heard.
    pub(super) heard_ms: Option<u32>,
}

impl Doing {
    /// What this socket is doing.
    pub(super) fn of(socket: &Socket<'_>, info: Option<&TcpInfo>) -> Self {
        Self {
            state: socket.state,
            timer: socket.timer,
            queued: socket.wqueue,
            received: socket.rqueue,
            heard_ms: info.and_then(
                |info| match (info.last_ack_recv_ms, info.last_data_recv_ms) {
                    (Some(ack), Some(data)) => Some(ack.min(data)),
                    (one, other) => one.or(other),
                },
            ),
        }
    }
}
