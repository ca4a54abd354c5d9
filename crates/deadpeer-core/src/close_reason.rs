//! How a connection died, from what was left of it at that moment.
//!
//! The kernel keeps one errno for each death, and several deaths share one: keepalive,
//! unacknowledged data, a window that never opened and a connect() without an answer are all
//! `ETIMEDOUT`. What tells them apart are the counters beside it. [`CloseReason::of`] puts both
//! together. Where the errno is not known, because the application has taken it or nobody saw the
//! moment, the counters alone are judged, and [`CloseReason::certain`] says so.

mod cause;
mod certain;
mod last_state;
mod likely;
mod limit;
#[cfg(test)]
mod tests;

pub use cause::CloseCause;
pub use last_state::LastState;
pub use limit::Limit;

/// How a connection died, and which setting decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CloseReason {
    /// How it died.
    pub cause: CloseCause,
    /// The setting that made our kernel give up then and not earlier or later; `None` where no
    /// setting decided, or the settings are not known.
    pub limit: Option<Limit>,
    /// Whether the kernel's own word was known. If not, `cause` is what fits the counters best.
    pub certain: bool,
}

impl CloseReason {
    /// What the cause and its setting suggest, as a part of a sentence; `None` where they speak for
    /// themselves.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self.cause {
            CloseCause::SlowReader => Some(match self.limit {
                Some(Limit::UserTimeout(_)) => {
                    "the peer was alive and answered the window probes: a longer TCP_USER_TIMEOUT, or none, keeps it"
                }
                Some(_) | None => {
                    "the peer was alive and answered the window probes, but the program had closed the connection"
                }
            }),
            CloseCause::DroppedHere => Some(
                "the peer's window was open: a firewall, a queueing discipline or a missing route of this machine kept back what was to be sent",
            ),
            CloseCause::PeerClosed
            | CloseCause::ClosedHere
            | CloseCause::ClosedUnread
            | CloseCause::ClosedDataCame
            | CloseCause::AbortedHere
            | CloseCause::Reset
            | CloseCause::ResetAfterFin
            | CloseCause::KeepaliveUnanswered
            | CloseCause::DataUnacknowledged
            | CloseCause::ZeroWindowUnanswered
            | CloseCause::HostUnreachable
            | CloseCause::NetworkUnreachable
            | CloseCause::PortUnreachable
            | CloseCause::Prohibited
            | CloseCause::Destroyed
            | CloseCause::Refused
            | CloseCause::ConnectTimedOut
            | CloseCause::ConnectAbandoned
            | CloseCause::Other(_)
            | CloseCause::Unknown => None,
        }
    }

    /// Judges what was left of a connection that is over.
    #[must_use]
    pub fn of(last_state: &LastState) -> Self {
        let cause = match last_state.errno {
            Some(errno) => certain::cause(errno, last_state),
            None => likely::cause(last_state),
        };
        Self {
            cause,
            limit: Limit::of(cause, last_state),
            certain: last_state.errno.is_some() && cause != CloseCause::Unknown,
        }
    }
}
