//! What is known of a connection's end without taking its error.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use deadpeer_core::{Cause, TcpInfo, TcpState};
use deadpeer_sys::readiness::Signs;
use deadpeer_sys::{SysError, sockopt};

/// The end of a connection, and how it showed.
///
/// Finding it took nothing from the application: its next read still returns what was queued, and
/// then the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Death {
    /// Why, and how sure that is.
    pub ending: Ending,
    /// What was seen.
    pub evidence: Evidence,
}

impl Death {
    /// The cause, certain or likely.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.ending.cause()
    }
}

impl std::error::Error for Death {}

/// As `reset (likely): ...`.
impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        let sure = match self.ending {
            Ending::Certain(_) => "",
            Ending::Likely(_) => " (likely)",
        };
        write!(f, "{}{sure}: {cause}", cause.word())
    }
}

/// Why a connection ended, as far as can be told without taking its error.
///
/// The kernel tells the errno of a connection once, and that once is the application's. What is
/// left is the state, three bits and the counters. They tell a FIN from everything else for
/// certain. The rest they make likely: [`take_error`](crate::take_error), or the application's next
/// read, tells for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// No errno is involved.
    Certain(Cause),
    /// An errno waits in the socket, or somebody has taken it already. The counters fit this cause
    /// best:
    ///
    /// - [`Cause::TimedOut`] if questions were open and the limit of the settings was reached. A
    ///   router's word, which turns the errno into `EHOSTUNREACH` or `ENETUNREACH`, does not show.
    /// - [`Cause::Reset`] otherwise. A socket destroyed on this machine looks the same.
    /// - [`Cause::ResetAfterFin`] if the peer's FIN had been seen before.
    /// - [`Cause::Refused`] if it never became a connection and something came.
    /// - [`Cause::Closed`] if no error waits.
    Likely(Cause),
}

impl Ending {
    /// The cause.
    #[must_use]
    pub fn cause(self) -> Cause {
        match self {
            Self::Certain(cause) | Self::Likely(cause) => cause,
        }
    }
}

/// What was seen of a connection when its end was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The bits that poll(2) and epoll(7) show.
    pub signs: Signs,
    /// The TCP state.
    pub state: Option<TcpState>,
    /// Keepalive or window probes that no answer had followed (`tcpi_probes`).
    pub unanswered_probes: Option<u8>,
    /// Retransmission timeouts that no acknowledgement had followed (`tcpi_retransmits`).
    pub unanswered_retransmissions: Option<u8>,
    /// How long ago anything was heard of the peer.
    pub silence: Option<Duration>,
}

impl Evidence {
    fn of(signs: Signs, info: &TcpInfo) -> Self {
        Self {
            signs,
            state: info.state,
            unanswered_probes: info.probes,
            unanswered_retransmissions: info.retransmits,
            silence: info.heard_ago(),
        }
    }
}

/// Whether a FIN alone counts as the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HalfClose {
    /// It does: a peer that has nothing more to say is gone. Right for most protocols: a closed,
    /// killed or crashed client shows by nothing but its FIN.
    #[default]
    Ends,
    /// It does not: the peer may have shut down its sending half and still wait for an answer, as
    /// `nc -N` does. The end is noticed once the connection is over in both directions.
    Lives,
}

/// Judges a socket that showed signs. `None`: it lives, and the signs have another reason: our own
/// shutdown(2), a message in the error queue, a FIN that does not count.
pub(crate) fn judge(
    signs: Signs,
    info: &TcpInfo,
    limits: impl FnOnce() -> Result<Limits, SysError>,
    known: Known,
    half_close: HalfClose,
) -> Option<Death> {
    let ending = match info.state? {
        TcpState::Close if known == Known::Fresh && never_connected(info) => return None,
        TcpState::Close => {
            // A socket that is gone has no settings any more; the rest of the evidence stays.
            let limits = limits().unwrap_or_default();
            Ending::Likely(likely(signs, info, limits, known))
        }
        TcpState::TimeWait => Ending::Certain(Cause::Closed),
        TcpState::CloseWait | TcpState::LastAck | TcpState::Closing => match half_close {
            HalfClose::Ends => Ending::Certain(Cause::PeerClosed),
            // What we sent may still be on its way.
            HalfClose::Lives => return None,
        },
        TcpState::Established
        | TcpState::SynSent
        | TcpState::SynRecv
        | TcpState::FinWait1
        | TcpState::FinWait2
        | TcpState::Listen
        | TcpState::NewSynRecv
        | _ => return None,
    };
    let evidence = Evidence::of(signs, info);
    Some(Death { ending, evidence })
}

/// What was known of a connection before it showed signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    Fresh,
    /// connect() was called, and nothing had come of it.
    Connecting,
    /// It has been a connection.
    Connected,
    /// The peer's FIN has been seen.
    PeerFinished,
}

/// The settings that decide how long the kernel asks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) keepcnt: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

impl Limits {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<Self, SysError> {
        Ok(Self::new(
            sockopt::keepcnt(fd)?,
            // Multipath TCP has none.
            sockopt::user_timeout_ms(fd).unwrap_or(None),
        ))
    }

    pub(crate) fn new(keepcnt: u32, user_timeout_ms: Option<u32>) -> Self {
        Self {
            keepcnt: Some(keepcnt),
            user_timeout: user_timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        }
    }
}

/// A socket that was never connected is in the state Close, too.
pub(crate) fn never_connected(info: &TcpInfo) -> bool {
    info.segs_out == Some(0) && info.segs_in == Some(0)
}

/// Whether connect() came to nothing. Of an established connection the SYN has been acknowledged
/// (Linux 4.1) or, of an accepted one, a round trip measured.
fn never_established(info: &TcpInfo, known: Known) -> bool {
    matches!(known, Known::Fresh | Known::Connecting)
        && info.bytes_acked == Some(0)
        && info.rtt_us.is_none()
}

fn likely(signs: Signs, info: &TcpInfo, limits: Limits, known: Known) -> Cause {
    if never_established(info, known) {
        return match info.segs_in {
            Some(0) => Cause::TimedOut,
            Some(_) | None => Cause::Refused,
        };
    }
    if gave_up(info, limits) {
        Cause::TimedOut
    } else if known == Known::PeerFinished && signs.error {
        Cause::ResetAfterFin
    } else if signs.error {
        Cause::Reset
    } else {
        Cause::Closed
    }
}

/// Whether the counters stand where the kernel gives up. They outlive the connection.
fn gave_up(info: &TcpInfo, limits: Limits) -> bool {
    let probes = u32::from(info.probes.unwrap_or(0));
    let retransmits = u32::from(info.retransmits.unwrap_or(0));
    if probes + retransmits == 0 {
        return false;
    }
    // A user timeout overrides all counts (net/ipv4/tcp_timer.c), and is measured in jiffies.
    if let Some(timeout) = limits.user_timeout {
        let jiffies = Duration::from_millis(20);
        return info
            .heard_ago()
            .is_some_and(|silence| silence + jiffies >= timeout);
    }
    let waited_out = || {
        // Who gives up has waited a whole RTO since it last sent; a RST comes within a round trip.
        let since = info.last_data_sent_ms.unwrap_or(0);
        info.rto_us
            .is_some_and(|rto| u64::from(since) * 1_000 + 20_000 >= u64::from(rto))
    };
    match retransmits {
        0 => limits.keepcnt.is_some_and(|count| probes >= count),
        _ => waited_out(),
    }
}
