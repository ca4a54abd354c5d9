//! The kernel's errno is known: what it means in this state and with these counters.

use super::{Manner, Remains};
use crate::{Cause, TcpState};

/// What a socket died of that entered `Close` with this error, 0 for none.
pub(super) fn manner(errno: i32, remains: &Remains) -> Manner {
    match Cause::from_errno(errno, None) {
        None => without_error(remains),
        Some(Cause::TimedOut) => silent(remains),
        Some(Cause::Reset) if fin_came_first(remains) => Manner::ResetAfterFin,
        Some(Cause::Reset) => Manner::Reset,
        Some(Cause::ResetAfterFin) => Manner::ResetAfterFin,
        Some(Cause::HostUnreachable) => Manner::HostUnreachable,
        Some(Cause::NetworkUnreachable) => Manner::NetworkUnreachable,
        Some(Cause::Prohibited) => Manner::Prohibited,
        Some(Cause::Destroyed) => Manner::Destroyed,
        Some(Cause::Refused) => Manner::Refused,
        Some(Cause::Other(errno)) => Manner::Other(errno),
        Some(Cause::PeerClosed | Cause::Closed | Cause::Unknown) => Manner::Unknown,
    }
}

/// No error: an application closed it, or both did (net/ipv4/tcp.c, `__tcp_close`).
fn without_error(remains: &Remains) -> Manner {
    match remains.state {
        Some(TcpState::LastAck) => Manner::PeerClosed,
        Some(TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::TimeWait) => {
            Manner::ClosedHere
        }
        Some(TcpState::SynSent) => Manner::ConnectAbandoned,
        Some(TcpState::Established | TcpState::CloseWait | TcpState::SynRecv) => {
            match remains.unread {
                Some(bytes) if bytes > 0 => Manner::ClosedUnread,
                Some(_) => Manner::AbortedHere,
                None => Manner::Unknown,
            }
        }
        Some(TcpState::Listen | TcpState::Close | TcpState::NewSynRecv) | None => Manner::Unknown,
    }
}

/// `ETIMEDOUT`: which of the timers gave up (net/ipv4/tcp_timer.c).
///
/// Data in flight stops keepalive and window probes, so retransmissions come first. Probes are those of a closed window if
/// something waits behind it (`tcp_probe_timer`), else keepalive's (`tcp_keepalive_timer`).
pub(super) fn silent(remains: &Remains) -> Manner {
    if remains.state == Some(TcpState::SynSent) {
        return Manner::ConnectTimedOut;
    }
    let some = |count: Option<u32>| count.is_some_and(|count| count > 0);
    let retransmitted = some(remains.retransmits.map(u32::from));
    let probed = some(remains.probes.map(u32::from));
    match (retransmitted, probed) {
        (true, _) => Manner::DataUnacknowledged,
        (false, true) if some(remains.unsent) => Manner::ZeroWindowUnanswered,
        (false, true) => Manner::KeepaliveUnanswered,
        (false, false) if some(remains.unacked) => Manner::DataUnacknowledged,
        // A live peer that never opened its window answers every probe, which sets their count back (`tcp_ack_probe`).
        (false, false) if some(remains.unsent) => Manner::ZeroWindowUnanswered,
        (false, false) => Manner::Unknown,
    }
}

/// A RST in these states follows a FIN of the peer's; the kernel calls it `EPIPE` in `CloseWait` alone (`tcp_reset`).
fn fin_came_first(remains: &Remains) -> bool {
    remains.peer_finished == Some(true) || remains.state.is_some_and(TcpState::peer_has_finished)
}
