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

/// What there is to say of each cause, a row for each but those with a number, for a macro that
/// makes something of them: its word, its phrase, the coarser cause, and whether it is a silence.
macro_rules! table {
    ($something:ident $($of:ident)?) => {
        $something! { $($of)?;
            PeerClosed "peer-closed" "peer closed" PeerClosed false,
            ClosedHere "closed-here" "closed here" Closed false,
            ClosedUnread "closed-unread" "closed here, data unread" Closed false,
            ClosedDataCame "closed-data-came" "closed here, data came" Closed false,
            AbortedHere "aborted-here" "aborted here" Closed false,
            Reset "reset" "reset by peer" Reset false,
            ResetAfterFin "reset-after-fin" "reset by peer after its FIN" ResetAfterFin false,
            KeepaliveUnanswered "keepalive-unanswered" "keepalive unanswered" TimedOut true,
            DataUnacknowledged "data-unacknowledged" "data unacknowledged" TimedOut true,
            ZeroWindowUnanswered "zero-window-unanswered" "zero window unanswered" TimedOut true,
            SlowReader "slow-reader" "live slow reader dropped" TimedOut false,
            DroppedHere "dropped-here" "dropped on this machine" TimedOut false,
            HostUnreachable "host-unreachable" "host unreachable" HostUnreachable true,
            NetworkUnreachable "network-unreachable" "network unreachable" NetworkUnreachable true,
            PortUnreachable "port-unreachable" "port unreachable" Refused true,
            Prohibited "prohibited" "prohibited by a firewall" Prohibited false,
            Destroyed "destroyed" "destroyed on this machine" Destroyed false,
            Refused "refused" "connect() refused" Refused false,
            ConnectTimedOut "connect-timed-out" "connect() timed out" TimedOut true,
            ConnectAbandoned "connect-abandoned" "connect() given up here" Closed false,
            Unknown "unknown" "unknown" Unknown false,
        }
    };
}

macro_rules! list {
    (; $($cause:ident $word:literal $phrase:literal $coarser:ident $silence:literal,)*) => {
        [$(Self::$cause),*]
    };
}

macro_rules! row {
    ($of:ident; $($cause:ident $word:literal $phrase:literal $coarser:ident $silence:literal,)*) => {
        match $of {
            $(Self::$cause => ($word, $phrase, Cause::$coarser, $silence),)*
            Self::Other(errno) => ("other", "another errno", Cause::Other(errno), false),
        }
    };
}

impl CloseCause {
    /// Every cause but those with a number.
    pub const ALL: [Self; 21] = table!(list);

    const fn row(self) -> (&'static str, &'static str, Cause, bool) {
        table!(row self)
    }

    /// Whether both ends closed in order, whoever was first: nothing was lost and nobody waited.
    #[must_use]
    pub const fn is_ordinary(self) -> bool {
        matches!(self, Self::ClosedHere | Self::PeerClosed)
    }

    /// Whether our kernel gave up because nothing was answered any more.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        self.row().3
    }

    /// The coarser cause, which is what the application is told by its errno.
    #[must_use]
    pub const fn cause(self) -> Cause {
        self.row().2
    }

    /// One word for filters, labels and JSON (`keepalive-unanswered`).
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().0
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
        self.row().1
    }
}

/// As [`CloseCause::phrase`], with the errno where that is all there is.
impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(errno) = self {
            return write!(f, "errno {errno}");
        }
        f.write_str(self.phrase())
    }
}
