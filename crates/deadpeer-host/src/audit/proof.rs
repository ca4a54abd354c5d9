//! What the armed timer proves about a connection whose settings nobody would show us.
//!
//! sock_diag tells everybody which timer runs. It hides the keepalive timer behind any other, so
//! that only two things follow (net/ipv4/inet_diag.c, `inet_sk_diag_fill`): an open connection
//! without any timer has no keepalive; one whose keepalive timer is shown is not given up while
//! idle before it has run out.

use std::time::Duration;

use deadpeer_sys::sock_diag::{Socket, TimerKind};

use super::bound::Bound;

/// What is proven about silence while idle.
pub(super) fn idle(socket: &Socket<'_>) -> Bound {
    let open = socket.state.may_send();
    match socket.timer {
        None if open && socket.inode.is_some() => Bound::Never,
        Some(timer) if open && timer.kind == TimerKind::Keepalive => {
            Bound::NotBefore(Duration::from_millis(timer.expires_in_ms.into()))
        }
        Some(_) | None => Bound::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::num::NonZeroU32;

    use deadpeer_core::TcpState;
    use deadpeer_sys::sock_diag::ArmedTimer;

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
            assert_eq!(
                idle(&socket(TcpState::Established, Some(timer))),
                Bound::Unknown
            );
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
