//! The ways to die.

use std::fmt;

use crate::Cause;

/// How a TCP connection died, as this end saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CloseCause {
    /// The peer sent its FIN first, and this end followed.
    PeerClosed,
    /// This end sent its FIN first, and the peer followed.
    ClosedHere,
    /// This end closed with received data unread: the kernel sends a RST instead of a FIN (RFC
    /// 2525, 2.17).
    ClosedUnread,
    /// Data came after this end had closed for reading too: the kernel answers it with a RST (RFC
    /// 1122, 4.2.2.13; counted as `TCPAbortOnData`).
    #[doc(alias = "TCPAbortOnData")]
    ClosedDataCame,
    /// This end threw it away: `SO_LINGER` with 0 seconds, a disconnect, or a listener closed
    /// before accept().
    AbortedHere,
    /// The peer sent a RST.
    Reset,
    /// The peer sent its FIN and later a RST.
    ResetAfterFin,
    /// Keepalive probes of an idle connection went unanswered.
    KeepaliveUnanswered,
    /// Data, or our FIN, was sent again and again and never acknowledged.
    DataUnacknowledged,
    /// Data waited for the peer's window to open, and the probes of the window went unanswered.
    ZeroWindowUnanswered,
    /// Data waited for the peer's window to open, the peer answered the probes of the window, and
    /// `TCP_USER_TIMEOUT` (or, after close(), `tcp_orphan_retries`) ended it all the same: a *live*
    /// peer that read too slowly.
    SlowReader,
    /// Data waited though the peer's window was open: a firewall, a queueing discipline or a
    /// missing route of this machine kept it back.
    DroppedHere,
    /// Nothing was answered any more, and a router or the missing answer to ARP or neighbour
    /// discovery had said that the host can't be reached.
    HostUnreachable,
    /// The same of the peer's network.
    NetworkUnreachable,
    /// Nothing was answered any more, and an ICMP message had said that nobody listens at the
    /// peer's port: `ECONNREFUSED` on a connection that had been established.
    PortUnreachable,
    /// A firewall prohibited it.
    Prohibited,
    /// Somebody on this machine destroyed it (`SOCK_DESTROY`).
    Destroyed,
    /// connect(): nobody listens at the peer's address.
    Refused,
    /// connect(): no SYN was answered.
    ConnectTimedOut,
    /// connect(): this end gave it up before there was an answer.
    ConnectAbandoned,
    /// An errno without a name here.
    Other(i32),
    /// It ended, and nothing says how.
    Unknown,
}

/// Every cause but those with a number, for a macro that makes something of them.
macro_rules! every {
    ($something:ident) => {
        $something! {
            PeerClosed ClosedHere ClosedUnread ClosedDataCame AbortedHere Reset ResetAfterFin
            KeepaliveUnanswered DataUnacknowledged ZeroWindowUnanswered SlowReader DroppedHere
            HostUnreachable NetworkUnreachable PortUnreachable Prohibited Destroyed
            Refused ConnectTimedOut ConnectAbandoned Unknown
        }
    };
}

macro_rules! list {
    ($($cause:ident)*) => { [$(Self::$cause),*] };
}

macro_rules! pattern {
    ($($cause:ident)*) => { $(Self::$cause)|* };
}

impl CloseCause {
    /// Every cause but those with a number.
    pub const ALL: [Self; 21] = every!(list);

    /// Whether both ends closed in order, whoever was first: nothing was lost and nobody waited.
    #[must_use]
    pub const fn is_ordinary(self) -> bool {
        matches!(self, Self::ClosedHere | Self::PeerClosed)
    }

    /// Whether our kernel gave up because nothing was answered any more.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        match self {
            Self::KeepaliveUnanswered
            | Self::DataUnacknowledged
            | Self::ZeroWindowUnanswered
            | Self::HostUnreachable
            | Self::NetworkUnreachable
            | Self::PortUnreachable
            | Self::ConnectTimedOut => true,
            Self::PeerClosed
            | Self::ClosedHere
            | Self::ClosedUnread
            | Self::ClosedDataCame
            | Self::AbortedHere
            | Self::Reset
            | Self::ResetAfterFin
            | Self::SlowReader
            | Self::DroppedHere
            | Self::Prohibited
            | Self::Destroyed
            | Self::Refused
            | Self::ConnectAbandoned
            | Self::Other(_)
            | Self::Unknown => false,
        }
    }

    /// The coarser cause, which is what the application is told by its errno.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::PeerClosed => Cause::PeerClosed,
            Self::ClosedHere
            | Self::ClosedUnread
            | Self::ClosedDataCame
            | Self::AbortedHere
            | Self::ConnectAbandoned => Cause::Closed,
            Self::Reset => Cause::Reset,
            Self::ResetAfterFin => Cause::ResetAfterFin,
            Self::KeepaliveUnanswered
            | Self::DataUnacknowledged
            | Self::ZeroWindowUnanswered
            | Self::SlowReader
            | Self::DroppedHere
            | Self::ConnectTimedOut => Cause::TimedOut,
            Self::HostUnreachable => Cause::HostUnreachable,
            Self::NetworkUnreachable => Cause::NetworkUnreachable,
            Self::Prohibited => Cause::Prohibited,
            Self::Destroyed => Cause::Destroyed,
            Self::Refused | Self::PortUnreachable => Cause::Refused,
            Self::Other(errno) => Cause::Other(errno),
            Self::Unknown => Cause::Unknown,
        }
    }

    /// One word for filters, labels and JSON (`keepalive-unanswered`).
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer-closed",
            Self::ClosedHere => "closed-here",
            Self::ClosedUnread => "closed-unread",
            Self::ClosedDataCame => "closed-data-came",
            Self::AbortedHere => "aborted-here",
            Self::Reset => "reset",
            Self::ResetAfterFin => "reset-after-fin",
            Self::KeepaliveUnanswered => "keepalive-unanswered",
            Self::DataUnacknowledged => "data-unacknowledged",
            Self::ZeroWindowUnanswered => "zero-window-unanswered",
            Self::SlowReader => "slow-reader",
            Self::DroppedHere => "dropped-here",
            Self::HostUnreachable => "host-unreachable",
            Self::NetworkUnreachable => "network-unreachable",
            Self::PortUnreachable => "port-unreachable",
            Self::Prohibited => "prohibited",
            Self::Destroyed => "destroyed",
            Self::Refused => "refused",
            Self::ConnectTimedOut => "connect-timed-out",
            Self::ConnectAbandoned => "connect-abandoned",
            Self::Other(_) => "other",
            Self::Unknown => "unknown",
        }
    }

    /// The cause with this [`word`](Self::word); "other" stands for every errno without a name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let named = Self::ALL.into_iter().find(|cause| cause.word() == word);
        named.or_else(|| (word == Self::Other(0).word()).then_some(Self::Other(0)))
    }

    /// A few words for a person: "keepalive unanswered".
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer closed",
            Self::ClosedHere => "closed here",
            Self::ClosedUnread => "closed here, data unread",
            Self::ClosedDataCame => "closed here, data came",
            Self::AbortedHere => "aborted here",
            Self::Reset => "reset by peer",
            Self::ResetAfterFin => "reset by peer after its FIN",
            Self::KeepaliveUnanswered => "keepalive unanswered",
            Self::DataUnacknowledged => "data unacknowledged",
            Self::ZeroWindowUnanswered => "zero window unanswered",
            Self::SlowReader => "live slow reader dropped",
            Self::DroppedHere => "dropped on this machine",
            Self::HostUnreachable => "host unreachable",
            Self::NetworkUnreachable => "network unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::Prohibited => "prohibited by a firewall",
            Self::Destroyed => "destroyed on this machine",
            Self::Refused => "connect() refused",
            Self::ConnectTimedOut => "connect() timed out",
            Self::ConnectAbandoned => "connect() given up here",
            Self::Other(_) => "another errno",
            Self::Unknown => "unknown",
        }
    }
}

/// As [`CloseCause::phrase`], with the errno where that is all there is.
impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Other(errno) => write!(f, "errno {errno}"),
            // So the compiler says which one is missing in the list.
            every!(pattern) => f.write_str(self.phrase()),
        }
    }
}
