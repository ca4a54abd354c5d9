//! The kernel's errno is known: what it means in this state and with these counters.

use std::time::Duration;

use super::{CloseCause, LastState};
use crate::{Cause, TcpState};

/// What a socket died of that entered `Close` with this error, 0 for none.
pub(super) fn cause(errno: i32, last_state: &LastState) -> CloseCause {
    match Cause::from_errno(errno, None) {
        None | Some(Cause::Reset) if answered_data(last_state) => CloseCause::ClosedDataCame,
        None => without_error(last_state),
        Some(Cause::TimedOut) => silent(last_state),
        Some(Cause::Reset) if fin_came_first(last_state) => CloseCause::ResetAfterFin,
        Some(Cause::Reset) => CloseCause::Reset,
        Some(Cause::ResetAfterFin) => CloseCause::ResetAfterFin,
        Some(Cause::HostUnreachable) => CloseCause::HostUnreachable,
        Some(Cause::NetworkUnreachable) => CloseCause::NetworkUnreachable,
        Some(Cause::Prohibited) => CloseCause::Prohibited,
        Some(Cause::Destroyed) => CloseCause::Destroyed,
        Some(Cause::Refused) if was_established(last_state) => CloseCause::PortUnreachable,
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
/// Data in flight stops keepalive and window probes, so retransmissions come first, unless the
/// window is closed for what was sent too. Probes are those of a closed window if something waits
/// behind it (`tcp_probe_timer`), else keepalive's (`tcp_keepalive_timer`).
pub(super) fn silent(last_state: &LastState) -> CloseCause {
    if last_state.state == Some(TcpState::SynSent) {
        return CloseCause::ConnectTimedOut;
    }
    let retransmitted = some(last_state.retransmits.map(u32::from));
    let probed = some(last_state.probes.map(u32::from));
    let (unsent, unacked) = (some(last_state.unsent), some(last_state.unacked));
    match last_state.peer_window {
        Some(0) if unacked && answers_retransmissions(last_state) => CloseCause::SlowReader,
        Some(0) if unacked => CloseCause::ZeroWindowUnanswered,
        Some(0) if unsent => behind_a_window(last_state),
        _ if retransmitted || unacked => CloseCause::DataUnacknowledged,
        // Nothing is in flight, and something waits.
        Some(window) if unsent && (probed || window >= LARGEST_SEGMENT) => CloseCause::DroppedHere,
        Some(_) | None if unsent => behind_a_window(last_state),
        _ if probed => CloseCause::KeepaliveUnanswered,
        _ => CloseCause::Unknown,
    }
}

/// Answers set the count of window probes back (`tcp_ack`). The user timeout counts from the first
/// probe, so a peer that was heard within it has answered; one probe may be lost on any path, or be
/// left out by its limit (`tcp_invalid_ratelimit`).
fn behind_a_window(last_state: &LastState) -> CloseCause {
    let heard_within = |timeout| last_state.silence.is_some_and(|silence| silence < timeout);
    let answered = match last_state.probes.unwrap_or(0) {
        0 => true,
        1 => user_timeout(last_state).is_some_and(heard_within),
        2.. => false,
    };
    match answered {
        true => CloseCause::SlowReader,
        false => CloseCause::ZeroWindowUnanswered,
    }
}

pub(super) fn user_timeout(last_state: &LastState) -> Option<Duration> {
    let ms = last_state.settings?.user_timeout_ms?;
    Some(Duration::from_millis(ms.into()))
}

/// Whether something was heard since data was last sent: whoever closes the window over data in
/// flight answers each of its retransmissions (`tcp_rtx_probe0_timed_out`).
fn answers_retransmissions(last_state: &LastState) -> bool {
    let heard_since = |silence| last_state.since_sent.is_some_and(|since| silence <= since);
    last_state.silence.is_some_and(heard_since)
}

/// A window at least this wide takes any segment.
const LARGEST_SEGMENT: u32 = 65_536;

pub(super) fn some(count: Option<u32>) -> bool {
    count.is_some_and(|count| count > 0)
}

/// Whether it ended by new data that nobody could read any more, which only the end that has
/// closed meets (`tcp_rcv_state_process`).
fn answered_data(last_state: &LastState) -> bool {
    let closed = [TcpState::FinWait1, TcpState::FinWait2];
    last_state.data_after_close == Some(true)
        && last_state
            .state
            .is_some_and(|state| closed.contains(&state))
}

fn was_established(last_state: &LastState) -> bool {
    last_state
        .state
        .is_some_and(|state| state != TcpState::SynSent)
}

/// A RST in these states follows a FIN of the peer's; the kernel calls it `EPIPE` in `CloseWait`
/// alone (`tcp_reset`).
pub(super) fn fin_came_first(last_state: &LastState) -> bool {
    last_state.peer_finished == Some(true)
        || last_state.state.is_some_and(TcpState::peer_has_finished)
}
