//! One death.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpeer_core::CloseReason;
use deadpeer_core::close_reason::{CloseCause, LastState};

use crate::process::Process;
use crate::table::{Netns, Role};

/// A connection that died. `None`: nobody saw it.
#[derive(Debug, Clone)]
pub struct Death {
    /// When it died, or without eBPF, when that was noticed.
    pub at: SystemTime,
    /// The number that no other socket of this boot has.
    #[doc(alias = "SO_COOKIE")]
    pub cookie: u64,
    /// Our end.
    pub local: SocketAddr,
    /// The peer.
    pub peer: SocketAddr,
    /// How, why, and how sure that is.
    pub reason: CloseReason,
    /// What was seen of its end: what the reason is from.
    pub last: LastState,
    /// Who had it.
    pub owner: Option<LastOwner>,
    /// Who destroyed it, if somebody did.
    pub destroyer: Option<LastOwner>,
    /// Whether it was accepted or connected.
    pub role: Role,
    /// How long it had been established.
    pub age: Option<Age>,
    /// Bytes received in its life; the peer's FIN counts one.
    #[doc(alias = "tcpi_bytes_received")]
    pub bytes_received: Option<u64>,
    /// Bytes sent and acknowledged in its life; our FIN counts one, and so does the SYN of the end
    /// that connected.
    #[doc(alias = "tcpi_bytes_acked")]
    pub bytes_acked: Option<u64>,
    /// Bytes of the peer's application that were received; `None`: whether its FIN was counted
    /// among them is not known.
    pub payload_received: Option<u64>,
    /// Bytes of our application that were acknowledged; `None`: whether our SYN or FIN was counted
    /// among them is not known.
    pub payload_acked: Option<u64>,
    /// Bytes written that the peer never acknowledged, sent or not.
    pub unacked: Option<u32>,
    /// The user it belonged to.
    pub uid: Option<u32>,
    /// The cgroup v2 it was made in, by number.
    pub cgroup: Option<u64>,
    /// Its network namespace, if all were watched.
    pub netns: Option<Arc<Netns>>,
}

impl Death {
    /// A death of which nothing else is known.
    #[must_use]
    pub fn new(
        at: SystemTime,
        cookie: u64,
        (local, peer): (SocketAddr, SocketAddr),
        reason: CloseReason,
    ) -> Self {
        Self {
            at,
            cookie,
            local,
            peer,
            reason,
            last: LastState::default(),
            owner: None,
            destroyer: None,
            role: Role::Outgoing(peer.port()),
            age: None,
            bytes_received: None,
            bytes_acked: None,
            payload_received: None,
            payload_acked: None,
            unacked: None,
            uid: None,
            cgroup: None,
            netns: None,
        }
    }

    /// Whether both ends closed in order, whoever was first: nothing was lost, and it is no news.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        let in_order =
            self.reason.cause == CloseCause::Unknown && self.last.fin_acked == Some(true);
        self.reason.cause.is_ordinary() || in_order
    }
}

/// A count of bytes without a flag that was counted among them, where that is known.
pub(super) fn payload(bytes: Option<u64>, flag_was_counted: Option<bool>) -> Option<u64> {
    Some(bytes?.saturating_sub(flag_was_counted?.into()))
}

/// The process that had a connection.
#[derive(Debug, Clone)]
pub struct LastOwner {
    /// The process.
    pub process: Arc<Process>,
    /// How that is known.
    pub known_by: KnownBy,
}

/// How a connection's owner is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KnownBy {
    /// It closed the connection.
    Closing,
    /// It held the descriptor.
    Holding,
    /// It called connect(2).
    Connecting,
    /// It listens where the connection was accepted; one of its children or siblings may have had
    /// it.
    Listening,
}

/// How long a connection lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// From the end of the handshake on.
    Exactly(Duration),
    /// It was there already when somebody first looked.
    AtLeast(Duration),
}

impl Age {
    /// The duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        match self {
            Self::Exactly(duration) | Self::AtLeast(duration) => duration,
        }
    }
}
