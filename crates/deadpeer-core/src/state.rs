//! The states of a TCP connection, as the kernel numbers them.

use std::fmt;

/// A TCP state (RFC 9293, section 3.3.2) with the number that `include/net/tcp_states.h` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum TcpState {
    /// Open; data flows both ways.
    Established = 1,
    /// connect() was called, no answer yet.
    SynSent = 2,
    /// A SYN arrived and was answered, the handshake is not finished.
    SynRecv = 3,
    /// We sent a FIN that is not acknowledged yet.
    FinWait1 = 4,
    /// Our FIN is acknowledged, the peer has not sent its own.
    FinWait2 = 5,
    /// Both FINs are seen; waiting for old segments to leave the network.
    TimeWait = 6,
    /// Over.
    Close = 7,
    /// The peer sent a FIN, we did not close yet.
    CloseWait = 8,
    /// The peer's FIN came first and ours waits for its acknowledgement.
    LastAck = 9,
    /// Waiting for connections.
    Listen = 10,
    /// Both FINs crossed and ours waits for its acknowledgement.
    Closing = 11,
    /// A connection request in a listener's queue (shown by sock_diag alone).
    NewSynRecv = 12,
}

impl TcpState {
    /// Every state, in the kernel's order.
    pub const ALL: [Self; 12] = [
        Self::Established,
        Self::SynSent,
        Self::SynRecv,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::Close,
        Self::CloseWait,
        Self::LastAck,
        Self::Listen,
        Self::Closing,
        Self::NewSynRecv,
    ];

    /// The state with the kernel's number `n`, or `None` for a number no known kernel uses.
    #[must_use]
    pub fn from_kernel(n: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == n)
    }

    /// Whether our side is still open: our FIN is not sent, and send(2) takes data (RFC 9293,
    /// section 3.10.2).
    #[must_use]
    pub fn may_send(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }

    /// Whether the peer's FIN came while ours, if there is one, is not acknowledged: nothing
    /// follows from there, and the connection is not over.
    #[must_use]
    pub fn peer_has_finished(self) -> bool {
        matches!(self, Self::CloseWait | Self::LastAck | Self::Closing)
    }

    /// The name in lower case with hyphens, as filters and JSON write it (`fin-wait-1`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::SynSent => "syn-sent",
            Self::SynRecv | Self::NewSynRecv => "syn-recv",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::TimeWait => "time-wait",
            Self::Close => "close",
            Self::CloseWait => "close-wait",
            Self::LastAck => "last-ack",
            Self::Listen => "listen",
            Self::Closing => "closing",
        }
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
