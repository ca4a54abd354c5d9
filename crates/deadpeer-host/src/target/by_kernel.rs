//! Connections in states in which the kernel itself asks, or nobody any more.

use std::time::Duration;

use deadpeer_core::{TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{Socket, TimerKind};

/// What the kernel does by itself for a connection that can't be asked in its state, with or
/// without a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByKernel {
    /// The state.
    pub state: TcpState,
    /// Retransmissions of a SYN, of data or of a FIN that nothing has answered; `None`: nothing is
    /// sent any more.
    pub unanswered: Option<u32>,
    /// How long until the kernel forgets it; `None`: that depends on more than a timer.
    pub forgotten_in: Option<Duration>,
}

impl ByKernel {
    /// Whether no probe of ours can be sent in this state.
    #[must_use]
    pub fn is_in_charge(state: TcpState, held: bool) -> bool {
        match state {
            TcpState::SynSent
            | TcpState::SynRecv
            | TcpState::NewSynRecv
            | TcpState::FinWait1
            | TcpState::LastAck
            | TcpState::Closing
            | TcpState::TimeWait => true,
            // With a descriptor it can be asked like an open one.
            TcpState::FinWait2 => !held,
            TcpState::Established
            | TcpState::CloseWait
            | TcpState::Listen
            | TcpState::Close
            | _ => false,
        }
    }

    /// What the table shows of it.
    pub(crate) fn of(socket: &Socket<'_>, info: Option<&TcpInfo>) -> Self {
        let timer = socket.timer;
        let by_timer = timer.map_or(0, |timer| timer.unanswered.into());
        let sent_again = info.and_then(|info| info.retransmits).map(u32::from);
        let left = |kind| {
            let timer = timer.filter(|timer| timer.kind == kind)?;
            Some(Duration::from_millis(timer.expires_in_ms.into()))
        };
        let ended = matches!(socket.state, TcpState::FinWait2 | TcpState::TimeWait);
        Self {
            state: socket.state,
            unanswered: (!ended).then(|| sent_again.unwrap_or(0).max(by_timer)),
            forgotten_in: match ended {
                true => left(TimerKind::TimeWait).or_else(|| left(TimerKind::Keepalive)),
                false => None,
            },
        }
    }
}
