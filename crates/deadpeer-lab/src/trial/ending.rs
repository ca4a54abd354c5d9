//! By what a connection ended, as far as it shows from outside.

use std::fmt;
use std::time::Duration;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::TimerKind;

use super::seen::Seen;

/// A timer may have been started a little before the fault.
const NEARLY: f64 = 0.9;

/// Who ended a connection of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The server's kernel, when a timer had run out.
    Kernel(Timer),
    /// A RST that came in.
    Reset,
    /// The server itself.
    Server,
}

/// A timer by which a kernel gives a connection up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timer {
    /// Keepalive probes were not answered.
    Keepalive,
    /// Data was sent again and again.
    Retransmission,
    /// A closed window was probed.
    WindowProbe,
}

/// What is known beside the connection itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances {
    /// The fault answers the server by RST.
    pub(super) resets: bool,
    /// `TCP_USER_TIMEOUT` of the connection.
    pub(super) user_timeout: Option<Duration>,
    /// How long after the fault it ended.
    pub(super) after: Duration,
}

impl By {
    /// Who ended it.
    pub(super) fn of(seen: &Seen, circumstances: Circumstances) -> Self {
        // A close leaves its trace: the kernel goes on alone, or the client had closed before.
        let after_fin = matches!(
            seen.last.state,
            TcpState::CloseWait
                | TcpState::LastAck
                | TcpState::FinWait1
                | TcpState::FinWait2
                | TcpState::Closing
        );
        if seen.orphaned || after_fin {
            return Self::Server;
        }
        if circumstances.resets {
            return Self::Reset;
        }
        Self::timer(seen, circumstances).map_or(Self::Server, Self::Kernel)
    }

    /// The timer that had gone without an answer when the connection was last seen.
    fn timer(seen: &Seen, circumstances: Circumstances) -> Option<Timer> {
        // A user timeout counts while the window is closed, answered probes or not
        // (net/ipv4/tcp_timer.c, `tcp_probe_timer`).
        let timed_out = |timeout: Duration| circumstances.after >= timeout.mul_f64(NEARLY);
        if seen.is_stuck() && circumstances.user_timeout.is_some_and(timed_out) {
            return Some(Timer::WindowProbe);
        }
        let timer = seen.last.timer.filter(|timer| timer.unanswered > 0)?;
        match timer.kind {
            TimerKind::Keepalive => Some(Timer::Keepalive),
            TimerKind::Retransmit => Some(Timer::Retransmission),
            TimerKind::ZeroWindowProbe => Some(Timer::WindowProbe),
            TimerKind::TimeWait | TimerKind::Other(_) => None,
        }
    }

    /// One word for JSON: `keepalive`, `retransmission`, `window-probe`, `reset` or `server`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kernel(Timer::Keepalive) => "keepalive",
            Self::Kernel(Timer::Retransmission) => "retransmission",
            Self::Kernel(Timer::WindowProbe) => "window-probe",
            Self::Reset => "reset",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for By {
    /// "by ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel(Timer::Keepalive) => "the kernel: keepalive",
            Self::Kernel(Timer::Retransmission) => "the kernel: retransmission",
            Self::Kernel(Timer::WindowProbe) => "the kernel: window probes",
            Self::Reset => "a RST",
            Self::Server => "the server",
        })
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_sys::sock_diag::{ArmedTimer, Socket};

    use super::*;

    fn seen(state: TcpState, timer: Option<(TimerKind, u8)>) -> Seen {
        let local = "192.0.2.1:80".parse().unwrap();
        let mut socket = Socket::new(state, local, "192.0.2.2:5".parse().unwrap());
        socket.timer = timer.map(|(kind, unanswered)| ArmedTimer {
            kind,
            expires_in_ms: 10,
            unanswered,
        });
        Seen::first(&socket)
    }

    #[test]
    fn an_unanswered_timer_is_the_kernels_word() {
        for (kind, timer) in [
            (TimerKind::Keepalive, Timer::Keepalive),
            (TimerKind::Retransmit, Timer::Retransmission),
            (TimerKind::ZeroWindowProbe, Timer::WindowProbe),
        ] {
            let unanswered = seen(TcpState::Established, Some((kind, 2)));
            assert_eq!(
                By::of(&unanswered, Circumstances::default()),
                By::Kernel(timer)
            );
            let resets = Circumstances {
                resets: true,
                ..Circumstances::default()
            };
            assert_eq!(By::of(&unanswered, resets), By::Reset);
            let answered = seen(TcpState::Established, Some((kind, 0)));
            assert_eq!(By::of(&answered, Circumstances::default()), By::Server);
        }
    }

    #[test]
    fn who_closes_leaves_an_orphan_or_answers_a_fin() {
        let mut orphan = seen(TcpState::Established, Some((TimerKind::Retransmit, 3)));
        orphan.orphaned = true;
        assert_eq!(By::of(&orphan, Circumstances::default()), By::Server);
        let after_fin = seen(TcpState::CloseWait, None);
        assert_eq!(By::of(&after_fin, Circumstances::default()), By::Server);
    }

    #[test]
    fn a_closed_window_is_dropped_by_a_user_timeout_alone() {
        let mut stuck = seen(TcpState::Established, Some((TimerKind::ZeroWindowProbe, 0)));
        stuck.last.unacknowledged = 1;
        let after = |seconds| Circumstances {
            user_timeout: Some(Duration::from_secs(5)),
            after: Duration::from_secs(seconds),
            ..Circumstances::default()
        };
        assert_eq!(By::of(&stuck, after(2)), By::Server);
        assert_eq!(By::of(&stuck, after(5)), By::Kernel(Timer::WindowProbe));
        assert_eq!(By::of(&stuck, Circumstances::default()), By::Server);
    }
}
