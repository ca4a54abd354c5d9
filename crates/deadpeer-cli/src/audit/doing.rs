//! What a connection is doing now, as the kernel's table shows it.

use std::time::Duration;

use deadpeer_core::TcpState;
use deadpeer_host::audit::{GivenUp, Judgement, Moment};
use deadpeer_host::{ArmedTimer, Connection};

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
    /// How long ago the peer was last heard.
    pub(super) heard_ago: Option<Duration>,
    /// When the kernel gives it up, its program having closed it.
    pub(super) given_up: Option<GivenUp>,
}

impl Doing {
    /// What this socket is doing.
    pub(super) fn of(connection: &Connection<'_>, moment: &Moment, judged: &Judgement) -> Self {
        let socket = connection.socket;
        Self {
            state: socket.state,
            timer: socket.timer,
            queued: socket.wqueue,
            received: socket.rqueue,
            heard_ago: moment.snapshot.heard_ago,
            given_up: judged.given_up,
        }
    }
}
