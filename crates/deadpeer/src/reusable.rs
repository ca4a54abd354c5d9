//! For pools: may this connection be handed out again?

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;

use crate::death::{Death, HalfClose};
use crate::died::{WatchError, died_with};
use crate::error::SocketError;
use crate::ping::{Answer, NotNow, Ping};

/// The wait between two looks at data that is in flight.
const PAUSE: Duration = Duration::from_millis(2);

/// Whether a connection may be used again, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reuse {
    /// Yes: the peer was heard within the last second.
    Heard {
        /// How long ago.
        ago: Duration,
    },
    /// Yes: it was silent, was asked, and its kernel answered.
    Answered {
        /// The round trip, and up to two timer ticks.
        rtt: Duration,
    },
    /// No: the connection is over, or the peer has closed its half.
    Dead(Death),
    /// No: it was asked, by us or by the kernel itself, and has not answered. One lost packet looks
    /// the same, and costs a pool no more than a new connection.
    Silent {
        /// How long an answer was waited for.
        waited: Duration,
        /// Questions that it has left unanswered so far.
        unanswered: u32,
    },
    /// No: nothing could be asked, because the application held the socket or the timeout is
    /// shorter than a timer tick.
    Unknown,
    /// No: it is no connection. The socket is fresh, connecting or listening.
    NotConnected,
}

impl Reuse {
    /// Whether it may be used again.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        matches!(self, Self::Heard { .. } | Self::Answered { .. })
    }

    /// The same as a result, for the hooks of pools.
    ///
    /// # Errors
    /// Why not.
    pub fn check(self) -> Result<(), NotReusable> {
        match self.is_reusable() {
            true => Ok(()),
            false => Err(NotReusable(self)),
        }
    }
}

/// Why a connection may not be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotReusable(pub Reuse);

/// May this connection be handed out again? Looks for an end, then for a recent sign of life, and
/// asks the peer's kernel if there is none, for `timeout` at most.
///
/// What a pool needs before it hands out a connection that has lain idle, in one answer: a FIN or a
/// RST that came meanwhile is seen, though nobody has read; a peer that was heard within the last
/// second is not asked; any other is asked by [`ping`](crate::ping()), which costs a round trip and
/// no byte of the application's. While data of ours is in flight, its acknowledgement is waited
/// for.
///
/// A connection that was heard just now takes four system calls, some microseconds.
///
/// ```
/// # use std::net::{TcpListener, TcpStream};
/// # use std::time::Duration;
/// # fn main() -> std::io::Result<()> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let client = TcpStream::connect(listener.local_addr()?)?;
/// # let (server, _) = listener.accept()?;
/// let timeout = Duration::from_millis(500);
/// deadpeer::reusable(&client, timeout)?.check()?;
/// drop(server);
/// assert!(!deadpeer::reusable(&client, timeout)?.is_reusable());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// See [`SocketError`].
pub fn reusable(socket: impl AsFd, timeout: Duration) -> Result<Reuse, SocketError> {
    let mut check = Check::begin(socket.as_fd(), Instant::now(), timeout)?;
    loop {
        if let Some(reuse) = check.handle_timeout(Instant::now())? {
            return Ok(reuse);
        }
        std::thread::sleep(
            check
                .poll_timeout()
                .saturating_duration_since(Instant::now()),
        );
    }
}

/// Such a question under way.
#[derive(Debug)]
pub(crate) struct Check<'fd> {
    fd: BorrowedFd<'fd>,
    begun: Instant,
    timeout: Duration,
    ping: Ping<BorrowedFd<'fd>>,
    /// Not before then.
    pause: Instant,
}

impl<'fd> Check<'fd> {
    pub(crate) fn begin(
        fd: BorrowedFd<'fd>,
        now: Instant,
        timeout: Duration,
    ) -> Result<Self, SocketError> {
        Ok(Self {
            fd,
            begun: now,
            timeout,
            ping: Ping::begin(fd, now, timeout)?,
            pause: now,
        })
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.ping.poll_timeout().max(self.pause)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<Option<Reuse>, SocketError> {
        if let Some(death) = ended(self.fd)? {
            return Ok(Some(Reuse::Dead(death)));
        }
        let Some(answer) = self.ping.handle_timeout(now)? else {
            return Ok(None);
        };
        // The answer may be the FIN itself.
        if let Some(death) = ended(self.fd)? {
            return Ok(Some(Reuse::Dead(death)));
        }
        let waited = now - self.begun;
        let left = self.timeout.saturating_sub(waited);
        let silent = |unanswered| Reuse::Silent { waited, unanswered };
        Ok(Some(match answer {
            Answer::Answered { rtt } => Reuse::Answered { rtt },
            Answer::Dead(death) | Answer::Ended(death) => Reuse::Dead(death),
            Answer::Unanswered { .. } => silent(1),
            Answer::NotNow(why) => match why {
                NotNow::Heard { ago } => Reuse::Heard { ago },
                NotNow::InFlight { unanswered: 0 } | NotNow::Queued { unanswered: 0 }
                    if !left.is_zero() =>
                {
                    self.ping = Ping::begin(self.fd, now, left)?;
                    self.pause = now + PAUSE.min(left);
                    return Ok(None);
                }
                NotNow::InFlight { unanswered }
                | NotNow::Queued { unanswered }
                | NotNow::KernelAsks { unanswered }
                | NotNow::JustAsked { unanswered }
                | NotNow::LastProbe { unanswered } => silent(unanswered),
                NotNow::Busy => Reuse::Unknown,
                NotNow::NotConnected => Reuse::NotConnected,
            },
        }))
    }
}

/// The end of a connection that has one, a FIN included.
fn ended(fd: BorrowedFd<'_>) -> Result<Option<Death>, SocketError> {
    let info = deadpeer_sys::tcp_info(fd).map_err(SocketError::Call)?;
    if info.state == Some(TcpState::Established) {
        return Ok(None);
    }
    died_with(fd, HalfClose::Ends, Some(Duration::ZERO)).map_err(|error| match error {
        WatchError::NotTcp | WatchError::Runtime => SocketError::NotTcp,
        WatchError::Call(call) => SocketError::Call(call),
    })
}

impl std::error::Error for NotReusable {}

/// As [`Reuse`].
impl fmt::Display for NotReusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Reuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heard { ago } => write!(f, "the peer was heard {ago:?} ago"),
            Self::Answered { rtt } => write!(f, "the peer answered after {rtt:?}"),
            Self::Dead(death) => death.fmt(f),
            Self::Silent { waited, unanswered } => write!(
                f,
                "the peer has not answered within {waited:?}; questions without an answer: {unanswered}"
            ),
            Self::Unknown => f.write_str("the peer could not be asked"),
            Self::NotConnected => f.write_str("not connected"),
        }
    }
}
