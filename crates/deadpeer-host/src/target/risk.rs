//! Where a question could be the end of a connection.

use std::num::NonZeroU32;
use std::time::Duration;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{DumpError, SockDiag, SocketId};

/// The peer had closed its end, and its kernel may have forgotten the connection since: a kernel
/// keeps what its program has closed for `tcp_fin_timeout` (net/ipv4/tcp.c, `__tcp_close`), and
/// then answers every segment with an RST.
///
/// A peer that rebooted answers so too, and nobody can know that beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Risk {
    /// How long ago the peer was last heard, so its FIN came no later.
    pub closed_ago: Option<Duration>,
    /// How sure that is.
    pub forgotten: Forgotten,
}

/// Whether a peer's kernel has forgotten a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgotten {
    /// It is too early for that, unless its kernel is set otherwise.
    Hardly,
    /// It has had the time. If its program had shut down only its sending half, it still knows it.
    Likely,
    /// The peer is on this machine, in the same network namespace, and has no such connection.
    Certainly,
}

/// The loopback device of every network namespace (include/net/flow.h, `LOOPBACK_IFINDEX`).
const LOOPBACK: Option<NonZeroU32> = NonZeroU32::new(1);

/// `tcp_fin_timeout` of a kernel that nobody has set otherwise.
const FIN_TIMEOUT: Duration = Duration::from_secs(60);

impl Risk {
    /// Whether it is asked only with leave.
    #[must_use]
    pub fn takes_leave(&self) -> bool {
        self.forgotten > Forgotten::Hardly
    }

    /// The risk of asking, `None`: there is none that could be known.
    pub(crate) fn of(
        diag: &mut SockDiag,
        id: &SocketId,
        state: TcpState,
        heard_ago: Option<Duration>,
        fin_timeout: Duration,
    ) -> Result<Option<Self>, DumpError> {
        if state != TcpState::CloseWait {
            return Ok(None);
        }
        let forgotten = match is_here(id) {
            true if peer_knows_it(diag, id)? => return Ok(None),
            true => Forgotten::Certainly,
            false if heard_ago.is_none_or(|ago| ago >= fin_timeout.min(FIN_TIMEOUT)) => {
                Forgotten::Likely
            }
            false => Forgotten::Hardly,
        };
        Ok(Some(Self {
            closed_ago: heard_ago,
            forgotten,
        }))
    }
}

/// Whether the peer is in the same network namespace.
fn is_here(id: &SocketId) -> bool {
    id.local.ip() == id.peer.ip() || id.peer.ip().is_loopback()
}

/// A peer that is bound to a device is found only by one that its packets come through: what is
/// sent to this machine comes through the loopback device, or through the VRF of our own end.
fn peer_knows_it(diag: &mut SockDiag, id: &SocketId) -> Result<bool, DumpError> {
    let mut other = *id;
    (other.local, other.peer) = (id.peer, id.local);
    for interface in [id.interface, LOOPBACK] {
        other.interface = interface;
        let state = diag.state_between(&other)?;
        if state.is_some_and(|state| state != TcpState::Close) {
            return Ok(true);
        }
    }
    Ok(false)
}
