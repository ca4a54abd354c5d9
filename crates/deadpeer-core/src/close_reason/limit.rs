//! Which setting decided.

use std::fmt;
use std::time::Duration;

use super::{CloseCause, LastState};
use crate::{Effective, TcpState};

/// The setting that made our kernel give a connection up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `TCP_USER_TIMEOUT`.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    UserTimeout(Duration),
    /// `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT`, or their sysctls.
    Keepalive {
        /// Seconds of silence before the first probe.
        idle_s: u32,
        /// Seconds between probes.
        interval_s: u32,
        /// Unanswered probes that are enough.
        count: u32,
    },
    /// `tcp_retries2`.
    Retries2(u32),
    /// `tcp_orphan_retries`, for a connection that the application had closed; 0 means 8.
    OrphanRetries(u32),
    /// `TCP_SYNCNT`.
    SynCount(u32),
    /// `tcp_syn_retries`.
    SynRetries(u32),
}

impl Limit {
    /// What decided a death in this cause; `None`: no setting did, or it isn't known.
    pub(super) fn of(cause: CloseCause, last_state: &LastState) -> Option<Self> {
        let settings = last_state.settings.as_ref();
        let connecting_now = last_state.state == Some(TcpState::SynSent);
        match cause {
            CloseCause::ConnectTimedOut => connecting(last_state),
            CloseCause::KeepaliveUnanswered => user_timeout(settings).or(keepalive(settings)),
            CloseCause::DataUnacknowledged
            | CloseCause::ZeroWindowUnanswered
            | CloseCause::SlowReader
            | CloseCause::DroppedHere => user_timeout(settings).or(retries(last_state)),
            CloseCause::HostUnreachable
            | CloseCause::NetworkUnreachable
            | CloseCause::PortUnreachable
                if !connecting_now =>
            {
                Self::of(super::certain::silent(last_state), last_state)
            }
            // Of a connection that was none yet, the first word of a router is the last.
            CloseCause::HostUnreachable
            | CloseCause::NetworkUnreachable
            | CloseCause::PortUnreachable
            | CloseCause::PeerClosed
            | CloseCause::ClosedHere
            | CloseCause::ClosedUnread
            | CloseCause::ClosedDataCame
            | CloseCause::AbortedHere
            | CloseCause::Reset
            | CloseCause::ResetAfterFin
            | CloseCause::Prohibited
            | CloseCause::Destroyed
            | CloseCause::Refused
            | CloseCause::ConnectAbandoned
            | CloseCause::Other(_)
            | CloseCause::Unknown => None,
        }
    }
}

fn user_timeout(settings: Option<&Effective>) -> Option<Limit> {
    let ms = settings?.user_timeout_ms?;
    Some(Limit::UserTimeout(Duration::from_millis(ms.into())))
}

fn keepalive(settings: Option<&Effective>) -> Option<Limit> {
    let settings = settings?;
    Some(Limit::Keepalive {
        idle_s: settings.keepidle_s,
        interval_s: settings.keepintvl_s,
        count: settings.keepcnt,
    })
}

/// Without the settings nobody knows that there was no user timeout.
fn retries(last_state: &LastState) -> Option<Limit> {
    let sysctls = last_state.sysctls?;
    last_state.settings?;
    Some(match last_state.orphan {
        Some(true) => Limit::OrphanRetries(sysctls.orphan_retries),
        Some(false) | None => Limit::Retries2(sysctls.retries2),
    })
}

/// Both a count and a user timeout end connect(), whichever comes first (net/ipv4/tcp_timer.c,
/// `tcp_write_timeout`).
fn connecting(last_state: &LastState) -> Option<Limit> {
    let settings = last_state.settings.as_ref()?;
    let sysctls = last_state.sysctls?;
    let (count, retries) = match settings.syncnt {
        // A socket without a value of its own shows the sysctl's.
        Some(count) if count != sysctls.syn_retries => (Limit::SynCount(count), count),
        Some(_) | None => (Limit::SynRetries(sysctls.syn_retries), sysctls.syn_retries),
    };
    let all = retries + sysctls.syn_linear_timeouts.unwrap_or(0);
    match user_timeout(Some(settings)) {
        Some(timeout) if u32::from(last_state.retransmits?) < all => Some(timeout),
        _ => Some(count),
    }
}

/// As `TCP_USER_TIMEOUT 4 s`, `keepalive 20 s + 8 x 1 s`, `tcp_retries2 15`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserTimeout(timeout) => {
                write!(f, "TCP_USER_TIMEOUT {} s", timeout.as_secs_f64())
            }
            Self::Keepalive {
                idle_s,
                interval_s,
                count,
            } => write!(f, "keepalive {idle_s} s + {count} x {interval_s} s"),
            Self::Retries2(retries) => write!(f, "tcp_retries2 {retries}"),
            Self::OrphanRetries(retries) => write!(f, "tcp_orphan_retries {retries}"),
            Self::SynCount(retries) => write!(f, "TCP_SYNCNT {retries}"),
            Self::SynRetries(retries) => write!(f, "tcp_syn_retries {retries}"),
        }
    }
}
