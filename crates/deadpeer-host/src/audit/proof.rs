//! What the armed timer proves about a connection whose settings nobody would show us.
//!
//! sock_diag tells everybody which timer runs. It hides the keepalive timer behind any other, so
//! that only this follows (net/ipv4/inet_diag.c, `inet_sk_diag_fill`): an open connection without
//! any timer has no keepalive, and one whose timer is shown is not given up before it has run out.

use std::time::Duration;

use deadpeer_sys::sock_diag::{ArmedTimer, Socket, TimerKind};

use super::bound::Bound;

/// What is proven about silence while idle.
pub(super) fn idle(socket: &Socket<'_>) -> Bound {
    let open = socket.state.may_send();
    match socket.timer {
        None if open && socket.inode.is_some() => Bound::Never,
        Some(timer) if open && timer.kind == TimerKind::Keepalive => not_before(timer),
        Some(_) | None => Bound::Unknown,
    }
}

/// What is proven about silence with data in flight or behind a closed window.
pub(super) fn in_flight(socket: &Socket<'_>) -> Bound {
    let waits = [TimerKind::Retransmit, TimerKind::ZeroWindowProbe];
    match socket.timer {
        Some(timer) if socket.state.may_send() && waits.contains(&timer.kind) => not_before(timer),
        Some(_) | None => Bound::Unknown,
    }
}

fn not_before(timer: ArmedTimer) -> Bound {
    Bound::NotBefore(Duration::from_millis(timer.expires_in_ms.into()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::num::NonZeroU32;

    use deadpeer_core::TcpState;

    use super::*;

    fn socket(state: TcpState, timer: Option<TimerKind>) -> Socket<'static> {
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let mut socket = Socket::new(state, end, end);
        socket.inode = NonZeroU32::new(1);
        socket.timer = timer.map(|kind| ArmedTimer {
            kind,
            expires_in_ms: 6_600_000,
            unanswered: 0,
        });
        socket
    }

    #[test]
    fn no_timer_at_all_is_no_keepalive() {
        assert_eq!(idle(&socket(TcpState::Established, None)), Bound::Never);
        assert_eq!(idle(&socket(TcpState::CloseWait, None)), Bound::Never);
    }

    #[test]
    fn a_keepalive_timer_has_to_run_out_first() {
        let keepalive = socket(TcpState::Established, Some(TimerKind::Keepalive));
        assert_eq!(
            idle(&keepalive),
            Bound::NotBefore(Duration::from_secs(6600))
        );
    }

    #[test]
    fn another_timer_hides_keepalive() {
        for timer in [TimerKind::Retransmit, TimerKind::ZeroWindowProbe] {
            let socket = socket(TcpState::Established, Some(timer));
            assert_eq!(idle(&socket), Bound::Unknown);
            let armed = Duration::from_secs(6600);
            assert_eq!(in_flight(&socket), Bound::NotBefore(armed));
        }
    }

    #[test]
    fn what_is_not_open_proves_nothing() {
        let mut queued = socket(TcpState::Established, None);
        queued.inode = None;
        assert_eq!(idle(&queued), Bound::Unknown);
        assert_eq!(idle(&socket(TcpState::Listen, None)), Bound::Unknown);
        let closing = socket(TcpState::FinWait2, Some(TimerKind::Keepalive));
        assert_eq!(idle(&closing), Bound::Unknown);
    }
}
