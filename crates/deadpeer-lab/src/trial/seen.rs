//! What was seen of one of the server's connections.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Instant;

use deadpeer_core::{TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{ArmedTimer, Socket, TimerKind};

/// A connection of the server's, from its first sight to its end.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The client's end.
    pub(super) peer: SocketAddr,
    /// The kernel's number of it.
    pub(super) cookie: u64,
    /// The number of its descriptor; `None` before the server accepted it.
    pub(super) inode: Option<NonZeroU32>,
    /// How it stood when the kernel last showed it.
    pub(super) last: Taken,
    /// When no process held it any more, though one had.
    pub(super) closed: Option<Instant>,
    /// When the kernel's table no longer had it.
    pub(super) gone: Option<Instant>,
    /// The kernel had it still when no descriptor was left: it was closed while it stood.
    pub(super) orphaned: bool,
}

/// A connection at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) state: TcpState,
    /// The timer that ran.
    pub(super) timer: Option<ArmedTimer>,
    /// Bytes that the client has not acknowledged.
    pub(super) unacknowledged: u32,
    /// The client's window, where the kernel tells it (Linux 5.4).
    pub(super) window: Option<u32>,
    /// Bytes that came from the client, and bytes that it has acknowledged.
    pub(super) moved: [Option<u64>; 2],
}

impl Seen {
    /// A connection at first sight.
    pub(super) fn first(socket: &Socket<'_>) -> Self {
        Self {
            peer: socket.peer,
            cookie: socket.cookie,
            inode: socket.inode,
            last: Taken::of(socket),
            closed: None,
            gone: None,
            orphaned: false,
        }
    }

    /// The kernel shows it again.
    pub(super) fn again(&mut self, socket: &Socket<'_>) {
        self.last = Taken::of(socket);
        self.orphaned = self.inode.is_some() && socket.inode.is_none();
        self.inode = self.inode.or(socket.inode);
    }

    /// Neither given up nor closed.
    pub(super) fn stands(&self) -> bool {
        self.closed.is_none() && self.gone.is_none()
    }

    /// The client's window has no room for what waits to be sent: it is closed, or so small that
    /// the kernel probes it like a closed one.
    pub(super) fn is_stuck(&self) -> bool {
        let probed = |timer: ArmedTimer| timer.kind == TimerKind::ZeroWindowProbe;
        let closed = self.last.window == Some(0) || self.last.timer.is_some_and(probed);
        closed && self.last.unacknowledged > 0
    }

    /// When it was given up *and* its descriptor closed.
    pub(super) fn ended(&self) -> Option<Instant> {
        let closed = self.closed?;
        match self.orphaned {
            true => Some(closed),
            false => Some(closed.max(self.gone?)),
        }
    }
}

impl Taken {
    fn of(socket: &Socket<'_>) -> Self {
        let version = deadpeer_sys::kernel_version();
        let info = socket.tcp_info.map(|raw| TcpInfo::decode(raw, version));
        Self {
            state: socket.state,
            timer: socket.timer,
            unacknowledged: socket.wqueue,
            window: info.and_then(|info| info.snd_wnd),
            moved: [
                info.and_then(|info| info.bytes_received),
                info.and_then(|info| info.bytes_acked),
            ],
        }
    }
}
