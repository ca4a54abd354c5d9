//! Why a connection ended, from the errno and the state that the kernel left behind.

use std::borrow::Cow;
use std::{fmt, io};

use crate::TcpState;

/// Linux errno numbers as include/uapi/asm-generic/errno-base.h and errno.h define them.
///
/// x86, Arm, RISC-V, PowerPC, s390 and LoongArch share them; MIPS, SPARC, Alpha and PA-RISC have
/// their own.
mod errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const EINTR: i32 = 4;
    pub(super) const EAGAIN: i32 = 11;
    pub(super) const EACCES: i32 = 13;
    pub(super) const EPIPE: i32 = 32;
    pub(super) const ENONET: i32 = 64;
    pub(super) const ENETDOWN: i32 = 100;
    pub(super) const ENETUNREACH: i32 = 101;
    pub(super) const ECONNABORTED: i32 = 103;
    pub(super) const ECONNRESET: i32 = 104;
    pub(super) const ETIMEDOUT: i32 = 110;
    pub(super) const ECONNREFUSED: i32 = 111;
    pub(super) const EHOSTDOWN: i32 = 112;
    pub(super) const EHOSTUNREACH: i32 = 113;
    pub(super) const EALREADY: i32 = 114;
    pub(super) const EINPROGRESS: i32 = 115;
}

/// Why a TCP connection ended.
///
/// The kernel keeps the reason as the socket's error (`sk_err`) and gives it away **once**: to
/// `SO_ERROR`, or to the first send(2) or recv(2) that fails. Afterwards the same socket reads as a
/// clean end of stream and writes fail with `EPIPE`, so only the first errno tells the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The peer sent a FIN: it closed, was killed, or shut down its sending half. Nothing tells
    /// which.
    PeerClosed,
    /// Both ends sent a FIN, and both were acknowledged.
    Closed,
    /// `ECONNRESET`: the peer sent a RST. It aborted, forgot the connection, or closed with data
    /// unread.
    #[doc(alias = "ECONNRESET")]
    Reset,
    /// `EPIPE`: the peer sent a FIN and later a RST, because we sent to a socket it had closed.
    #[doc(alias = "EPIPE")]
    ResetAfterFin,
    /// `ETIMEDOUT`: our kernel gave up, by keepalive, user timeout, or after too many
    /// retransmissions.
    #[doc(alias = "ETIMEDOUT")]
    TimedOut,
    /// `EHOSTUNREACH`, `EHOSTDOWN`, `ENONET`: our kernel gave up, and a router (or the missing
    /// answer to ARP or neighbour discovery) had said that the host can't be reached.
    #[doc(alias = "EHOSTUNREACH")]
    HostUnreachable,
    /// `ENETUNREACH`, `ENETDOWN`: the same, there is no way to the peer's network.
    #[doc(alias = "ENETUNREACH")]
    NetworkUnreachable,
    /// `ECONNABORTED`: somebody on this machine destroyed the socket (`SOCK_DESTROY`, `ss -K`).
    #[doc(alias = "ECONNABORTED")]
    Destroyed,
    /// `ECONNREFUSED`: the peer answered the SYN with a RST, nobody listens there.
    #[doc(alias = "ECONNREFUSED")]
    Refused,
    /// `EACCES`, `EPERM`: a firewall, here or on the way, prohibits it.
    #[doc(alias = "EACCES")]
    Prohibited,
    /// An errno without a name of its own here.
    Other(i32),
    /// It ended, and nothing says why.
    Unknown,
}

impl Cause {
    /// The cause that an errno names, 0 for none, or `None` while the connection lives.
    ///
    /// `errno` is the socket's error, or that of the first call that failed; `state` is the TCP
    /// state at the time, where known. The state matters: an ICMP message leaves `EHOSTUNREACH` on
    /// a connection that goes on (RFC 1122, 4.2.3.9), and `EPIPE` in a state other than `Close`
    /// comes from our own shutdown(2). In state `Close` the errno 0 reads as [`Cause::Closed`];
    /// somebody may have taken the error before.
    #[must_use]
    pub fn from_errno(errno: i32, state: Option<TcpState>) -> Option<Self> {
        let named = Self::named(errno);
        let over = state.is_none_or(|state| state == TcpState::Close);
        match named {
            Some(cause) if over || cause.is_final() => Some(cause),
            Some(_) | None => state.and_then(Self::of_state),
        }
    }

    /// What an errno says by itself; `None` for 0 and for those that only say "later".
    fn named(errno: i32) -> Option<Self> {
        Some(match errno {
            0 | errno::EINTR | errno::EAGAIN | errno::EALREADY | errno::EINPROGRESS => return None,
            errno::ECONNRESET => Self::Reset,
            errno::EPIPE => Self::ResetAfterFin,
            errno::ETIMEDOUT => Self::TimedOut,
            errno::EHOSTUNREACH | errno::EHOSTDOWN | errno::ENONET => Self::HostUnreachable,
            errno::ENETUNREACH | errno::ENETDOWN => Self::NetworkUnreachable,
            errno::ECONNABORTED => Self::Destroyed,
            errno::ECONNREFUSED => Self::Refused,
            errno::EACCES | errno::EPERM => Self::Prohibited,
            other => Self::Other(other),
        })
    }

    /// The kernel sets these only while it ends the connection, so a state read a moment before
    /// doesn't count.
    fn is_final(self) -> bool {
        matches!(self, Self::Reset | Self::TimedOut | Self::Destroyed)
    }

    /// How a connection without an error ended, by its state; `None`: it has not ended.
    #[must_use]
    pub fn of_state(state: TcpState) -> Option<Self> {
        match state {
            TcpState::CloseWait | TcpState::LastAck => Some(Self::PeerClosed),
            TcpState::Closing | TcpState::TimeWait | TcpState::Close => Some(Self::Closed),
            TcpState::Established
            | TcpState::SynSent
            | TcpState::SynRecv
            | TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::Listen
            | TcpState::NewSynRecv => None,
        }
    }

    /// One word for filters, labels and JSON (`timed-out`).
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer-closed",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::ResetAfterFin => "reset-after-fin",
            Self::TimedOut => "timed-out",
            Self::HostUnreachable => "host-unreachable",
            Self::NetworkUnreachable => "network-unreachable",
            Self::Destroyed => "destroyed",
            Self::Refused => "refused",
            Self::Prohibited => "prohibited",
            Self::Other(_) => "other",
            Self::Unknown => "unknown",
        }
    }

    /// One sentence for a person, without a full stop.
    #[must_use]
    pub fn sentence(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::PeerClosed => "the peer closed its end",
            Self::Closed => "both ends closed",
            Self::Reset => "the peer reset the connection",
            Self::ResetAfterFin => "the peer closed its end and then reset what we still sent",
            Self::TimedOut => "the peer stopped answering and this kernel gave up",
            Self::HostUnreachable => {
                "the peer stopped answering and its host was reported unreachable"
            }
            Self::NetworkUnreachable => {
                "the peer stopped answering and its network was reported unreachable"
            }
            Self::Destroyed => "the socket was destroyed by an administrator of this machine",
            Self::Refused => "nobody listens at the peer's address",
            Self::Prohibited => "a firewall prohibits the connection",
            Self::Other(errno) => {
                return Cow::Owned(format!("the connection failed with errno {errno}"));
            }
            Self::Unknown => "the connection ended and nothing says why",
        })
    }
}

/// As [`Cause::sentence`].
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

/// For an error that ended a connection. One that did not, such as `WouldBlock`, has no cause to
/// name: it becomes [`Cause::Other`] with its errno, or [`Cause::Unknown`] without one.
///
/// An error without errno comes from a library. Of its kind, `UnexpectedEof` is the peer's FIN, and
/// `TimedOut` is a timer of that library's, which says nothing about the connection.
impl From<&io::Error> for Cause {
    fn from(error: &io::Error) -> Self {
        if let Some(errno) = error.raw_os_error() {
            return Self::from_errno(errno, None).unwrap_or(Self::Other(errno));
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "ErrorKind is not ours and grows; what has no cause is unknown"
        )]
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::PeerClosed,
            io::ErrorKind::ConnectionReset => Self::Reset,
            io::ErrorKind::BrokenPipe => Self::ResetAfterFin,
            io::ErrorKind::ConnectionAborted => Self::Destroyed,
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable => Self::HostUnreachable,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                Self::NetworkUnreachable
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errno and state as a real kernel leaves them after each end, and the cause.
    #[test]
    fn each_end_has_its_cause() {
        use TcpState::{Close, CloseWait, Established, FinWait2};
        let rows = [
            ("FIN", 0, CloseWait, Some(Cause::PeerClosed)),
            ("RST", 104, Close, Some(Cause::Reset)),
            ("RST after the FIN", 32, Close, Some(Cause::ResetAfterFin)),
            (
                "keepalive, user timeout, retries",
                110,
                Close,
                Some(Cause::TimedOut),
            ),
            (
                "the same, after ICMP",
                113,
                Close,
                Some(Cause::HostUnreachable),
            ),
            (
                "the same, net unreachable",
                101,
                Close,
                Some(Cause::NetworkUnreachable),
            ),
            ("FIN of both", 0, Close, Some(Cause::Closed)),
            ("ICMP while data is in flight", 113, Established, None),
            ("own shutdown(RD)", 0, Established, None),
            ("own shutdown(RDWR)", 0, FinWait2, None),
            ("write after it", 32, FinWait2, None),
            ("SOCK_DESTROY", 103, Close, Some(Cause::Destroyed)),
            ("connect() refused", 111, Close, Some(Cause::Refused)),
            ("ICMPv6 prohibited", 13, Close, Some(Cause::Prohibited)),
            (
                "ICMP after the peer's FIN",
                113,
                CloseWait,
                Some(Cause::PeerClosed),
            ),
        ];
        for (end, errno, state, cause) in rows {
            assert_eq!(Cause::from_errno(errno, Some(state)), cause, "{end}");
        }
    }

    #[test]
    fn a_stale_state_does_not_hide_a_death() {
        let before = Some(TcpState::Established);
        for (errno, cause) in [
            (104, Cause::Reset),
            (110, Cause::TimedOut),
            (103, Cause::Destroyed),
        ] {
            assert_eq!(Cause::from_errno(errno, before), Some(cause));
        }
    }

    #[test]
    fn without_a_state_the_errno_decides() {
        assert_eq!(Cause::from_errno(0, None), None);
        assert_eq!(Cause::from_errno(32, None), Some(Cause::ResetAfterFin));
        assert_eq!(Cause::from_errno(113, None), Some(Cause::HostUnreachable));
        assert_eq!(Cause::from_errno(95, None), Some(Cause::Other(95)));
        for later in [4, 11, 114, 115] {
            assert_eq!(Cause::from_errno(later, None), None, "errno {later}");
        }
    }

    #[test]
    fn io_errors_with_and_without_errno() {
        let raw = |errno| Cause::from(&io::Error::from_raw_os_error(errno));
        assert_eq!(raw(104), Cause::Reset);
        assert_eq!(raw(11), Cause::Other(11));
        let kind = |kind: io::ErrorKind| Cause::from(&io::Error::from(kind));
        assert_eq!(kind(io::ErrorKind::UnexpectedEof), Cause::PeerClosed);
        assert_eq!(kind(io::ErrorKind::BrokenPipe), Cause::ResetAfterFin);
        assert_eq!(kind(io::ErrorKind::TimedOut), Cause::Unknown);
        assert_eq!(kind(io::ErrorKind::InvalidData), Cause::Unknown);
    }

    #[test]
    fn words_are_single_and_distinct() {
        let all = [
            Cause::PeerClosed,
            Cause::Closed,
            Cause::Reset,
            Cause::ResetAfterFin,
            Cause::TimedOut,
            Cause::HostUnreachable,
            Cause::NetworkUnreachable,
            Cause::Destroyed,
            Cause::Refused,
            Cause::Prohibited,
            Cause::Other(95),
            Cause::Unknown,
        ];
        let words: std::collections::BTreeSet<_> = all.iter().map(|cause| cause.word()).collect();
        assert_eq!(words.len(), all.len());
        assert!(words.iter().all(|word| !word.contains(char::is_whitespace)));
        assert_eq!(
            Cause::Other(95).to_string(),
            "the connection failed with errno 95"
        );
    }
}
