//! The kernel's errno is known: what it means in this state and with these counters.

use super::{CloseCause, LastState};
use crate::{Cause, TcpState};

/// What a socket died of that entered `Close` with this error, 0 for none.
pub(super) fn cause(errno: i32, last_state: &LastState) -> CloseCause {
    match Cause::from_errno(errno, None) {
        None => without_error(last_state),
        Some(Cause::TimedOut) => silent(last_state),
        Some(Cause::Reset) if fin_came_first(last_state) => CloseCause::ResetAfterFin,
        Some(Cause::Reset) => CloseCause::Reset,
        Some(Cause::ResetAfterFin) => CloseCause::ResetAfterFin,
        Some(Cause::HostUnreachable) => CloseCause::HostUnreachable,
        Some(Cause::NetworkUnreachable) => CloseCause::NetworkUnreachable,
        Some(Cause::Prohibited) => CloseCause::Prohibited,
        Some(Cause::Destroyed) => CloseCause::Destroyed,
        Some(Cause::Refused) => CloseCause::Refused,
        Some(Cause::Other(errno)) => CloseCause::Other(errno),
        Some(Cause::PeerClosed | Cause::Closed | Cause::Unknown) => CloseCause::Unknown,
    }
}

/// No error: an application closed it, or both did (net/ipv4/tcp.c, `__tcp_close`).
fn without_error(last_state: &LastState) -> CloseCause {
    match last_state.state {
        Some(TcpState::LastAck) => CloseCause::PeerClosed,
        Some(TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::TimeWait) => {
            CloseCause::ClosedHere
        }
        Some(TcpState::SynSent) => CloseCause::ConnectAbandoned,
        Some(TcpState::Established | TcpState::CloseWait | TcpState::SynRecv) => {
            match last_state.unread {
                Some(bytes) if bytes > 0 => CloseCause::ClosedUnread,
                Some(_) => CloseCause::AbortedHere,
                None => CloseCause::Unknown,
            }
        }
        Some(TcpState::Listen | TcpState::Close | TcpState::NewSynRecv) | None => {
            CloseCause::Unknown
        }
    }
}

/// `ETIMEDOUT`: which of the timers gave up (net/ipv4/tcp_timer.c).
///
/// Data in flight stops keepalive and window probes, so retransmissions come first. Probes are
/// those of a closed window if something waits behind it (`tcp_probe_timer`), else keepalive's
/// (`tcp_keepalive_timer`).
pub(super) fn silent(last_state: &LastState) -> CloseCause {
    if last_state.state == Some(TcpState::SynSent) {
        return CloseCause::ConnectTimedOut;
    }
    let some = |count: Option<u32>| count.is_some_and(|count| count > 0);
    let retransmitted = some(last_state.retransmits.map(u32::from));
    let probed = some(last_state.probes.map(u32::from));
    match (retransmitted, probed) {
        (true, _) => CloseCause::DataUnacknowledged,
        (false, true) if some(last_state.unsent) => CloseCause::ZeroWindowUnanswered,
        (false, true) => CloseCause::KeepaliveUnanswered,
        (false, false) if some(last_state.unacked) => CloseCause::DataUnacknowledged,
        // A live peer that never opened its window answers every probe, which sets their count back
        // (`tcp_ack_probe`).
        (false, false) if some(last_state.unsent) => CloseCause::ZeroWindowUnanswered,
        (false, false) => CloseCause::Unknown,
    }
}

/// A RST in these states follows a FIN of the peer's; the kernel calls it `EPIPE` in `CloseWait`
/// alone (`tcp_reset`).
fn fin_came_first(last_state: &LastState) -> bool {
    last_state.peer_finished == Some(true)
        || last_state.state.is_some_and(TcpState::peer_has_finished)
}
