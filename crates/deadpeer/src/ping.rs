//! A keepalive probe now: the peer's kernel is asked, its program never notices.

mod asking;
mod loan;
mod pingable;
mod reading;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

pub use asking::Ping;
pub use loan::lent_to_ping;
pub use pingable::Pingable;

use crate::death::Death;
use crate::error::SocketError;

/// What came of a [`ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The peer's kernel answered.
    Answered {
        /// From the probe to the answer; up to two timer ticks (8 ms at 250 Hz) more than it really
        /// took.
        rtt: Duration,
    },
    /// A probe went out, and no answer came within the timeout.
    ///
    /// One probe may get lost on any path: RFC 1122 (4.2.3.6) forbids taking that for death. Ask
    /// again.
    Unanswered {
        /// How long an answer was waited for.
        waited: Duration,
    },
    /// No probe was sent, and none would tell more than this.
    NotNow(NotNow),
    /// The connection was over before anything was asked, or its kernel's own timers gave it up
    /// while an answer was waited for.
    Dead(Death),
    /// A probe went out and the connection ended on it: the peer's kernel knew no such connection
    /// (any more), and answered with an RST. The peer had rebooted, or the time had passed that a
    /// kernel keeps what its program has closed (`tcp_fin_timeout`, 60 s).
    Ended(Death),
}

impl Answer {
    /// Whether the peer's *host* is known to have been there a moment ago: it answered, or was
    /// heard within the last second.
    ///
    /// Its program may have closed all the same: a kernel answers for a socket that has sent its
    /// FIN. Ask [`died`](crate::died()) with no time to wait before, as a pool should.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        matches!(
            self,
            Self::Answered { .. } | Self::NotNow(NotNow::Heard { .. })
        )
    }
}

/// Why no probe was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotNow {
    /// The peer was heard less than a second ago, or while it was to be asked. The kernel sends no
    /// keepalive probe before a second of silence.
    Heard {
        /// How long ago.
        ago: Duration,
    },
    /// Data or a FIN is in flight: its retransmission asks, and keepalive stands back.
    InFlight {
        /// Retransmission timeouts that nothing has answered so far.
        unanswered: u32,
    },
    /// Data is queued and the peer's window is closed: window probes ask, and keepalive stands
    /// back.
    Queued {
        /// Window probes that nothing has answered so far.
        unanswered: u32,
    },
    /// The kernel's own keepalive has asked, is unanswered, and sent no other probe within the
    /// timeout.
    KernelAsks {
        /// Probes that nothing has answered so far.
        unanswered: u32,
    },
    /// An earlier ping is unanswered, and the timeout is too short to wait and ask again: a Linux
    /// peer answers such probes at most every 500 ms (`net.ipv4.tcp_invalid_ratelimit`), so an
    /// earlier one would prove nothing.
    JustAsked {
        /// Probes that nothing has answered so far.
        unanswered: u32,
    },
    /// One more unanswered probe would make the kernel give the connection up, by the application's
    /// own settings.
    LastProbe {
        /// Probes that nothing has answered so far.
        unanswered: u32,
    },
    /// The kernel did not come to send the probe: the application held the socket all the time, or
    /// the timeout was shorter than a timer tick.
    Busy,
    /// There is no connection: the socket is fresh, connecting or listening.
    NotConnected,
}

/// Asks the peer's **kernel** whether the connection is still there, by a keepalive probe, and
/// waits for the answer.
///
/// The probe carries no byte of the application's: the peer's program cannot notice it, and a
/// program that hangs does not keep its kernel from answering. The answer comes a round trip after
/// the probe, and the probe goes out in the next timer tick. The calling thread waits, `timeout` at
/// most from the probe on. Before it, that is 0.6 s more where an earlier one is unanswered (and
/// `timeout` longer than that), and half of `timeout` where the application's own keepalive is due.
///
/// Linux has no call for "probe now". What sends one is setting `TCP_KEEPIDLE` to a second on a
/// connection that has been silent for longer (net/ipv4/tcp.c, `tcp_sock_set_keepidle_locked`). So
/// for the few milliseconds until the probe is out, `SO_KEEPALIVE` is on and `TCP_KEEPIDLE` is 1;
/// then both are as before. What that leaves behind:
///
/// - a `TCP_KEEPIDLE` that followed the sysctl now has the sysctl's value as its own (tcp(7) has no
///   way back);
/// - an unanswered probe counts as one of `TCP_KEEPCNT` until something is heard. No ping is sent
///   whose loss would end the connection ([`NotNow::LastProbe`]);
/// - a value of `TCP_KEEPIDLE` that the application sets meanwhile stays, and `SO_KEEPALIVE` with
///   it. But if it only switches `SO_KEEPALIVE` on, and in just these milliseconds, it is off
///   afterwards: the kernel doesn't show who switched it on.
///
/// If an application's own `TCP_KEEPIDLE` is 1 and keepalive is on, its kernel asks every second
/// already: then the ping changes nothing and waits for that probe. If keepalive is off, only
/// `SO_KEEPALIVE` is changed. But a 1 that the application sets just while the ping's own is in
/// force cannot be told from it, and is taken back.
///
/// **A question can be the end of the connection.** A peer whose kernel has forgotten it answers
/// with an RST ([`Answer::Ended`]): one that rebooted, which nobody can know beforehand, and one
/// that closed its end (the connection is in CLOSE_WAIT) more than `tcp_fin_timeout` ago, 60 s
/// unless set otherwise there. Such a connection is dead, but its program would not have been told.
///
/// The application may read and write all the while. Needs no privilege.
///
/// # Errors
/// See [`SocketError`]. Nothing was sent then, or at least the settings are as before.
#[doc(alias = "TCP_KEEPIDLE")]
pub fn ping(socket: impl AsFd, timeout: Duration) -> Result<Answer, SocketError> {
    let mut ping = Ping::begin(socket, Instant::now(), timeout)?;
    loop {
        if let Some(answer) = ping.handle_timeout(Instant::now())? {
            return Ok(answer);
        }
        std::thread::sleep(
            ping.poll_timeout()
                .saturating_duration_since(Instant::now()),
        );
    }
}
