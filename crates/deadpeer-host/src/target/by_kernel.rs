//! Connections in states in which the kernel itself asks, or nobody any more.

use std::time::Duration;

use deadpeer_core::{Effective, Kernel, Notice, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{Socket, TimerKind};

/// What the kernel does by itself for a connection that can't be asked in its state, with or
/// without a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByKernel {
    /// The state.
    pub state: TcpState,
    /// Retransmissions of a SYN, of data or of a FIN that nothing has answered; `None`: nothing is
    /// sent any more.
    pub unanswered: Option<u32>,
    /// Whether it is the peer's closed window that is probed, and nothing sent again.
    pub closed_window: bool,
    /// Within how long the kernel forgets it; `None`: that depends on more than a timer.
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

    /// What the table shows of it, and the kernel with the sysctls of its namespace will do.
    pub(crate) fn of(socket: &Socket<'_>, info: Option<&TcpInfo>, kernel: &Kernel) -> Self {
        let by_timer = socket.timer.map_or(0, |timer| timer.unanswered.into());
        let sent_again = info.and_then(|info| info.retransmits).map(u32::from);
        let ended = matches!(socket.state, TcpState::FinWait2 | TcpState::TimeWait);
        Self {
            state: socket.state,
            closed_window: (socket.timer)
                .is_some_and(|timer| timer.kind == TimerKind::ZeroWindowProbe),
            unanswered: (!ended).then(|| sent_again.unwrap_or(0).max(by_timer)),
            forgotten_in: match ended {
                // No option of the socket counts any more.
                true => socket
                    .snapshot(info)
                    .ends(&Effective::untouched(&kernel.sysctls), kernel)
                    .and_then(Notice::latest),
                false => None,
            },
        }
    }
}
