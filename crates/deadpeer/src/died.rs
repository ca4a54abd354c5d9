//! Waiting for the end of one connection, without reading a byte of it.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::SysError;
use deadpeer_sys::readiness::{Epoll, Happened, Signs};

use crate::death::{Death, HalfClose, Known, Limits, judge};
use crate::error::SocketError;

/// Why a connection could not be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// The socket is not TCP.
    NotTcp,
    /// The kernel refused: `EBADF`, `EMFILE`, `ENOSPC` (`fs.epoll.max_user_watches`).
    Call(SysError),
    /// The asynchronous runtime that waits is gone or shutting down.
    Runtime,
}

impl From<SocketError> for WatchError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::NotTcp => Self::NotTcp,
            SocketError::Call(error) => Self::Call(error),
        }
    }
}

impl std::error::Error for WatchError {}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTcp => f.write_str("not a TCP socket"),
            Self::Call(error) => error.fmt(f),
            Self::Runtime => f.write_str("the runtime is shutting down"),
        }
    }
}

/// Waits until the other end is gone: it closed, its process was killed, it reset the connection,
/// or the kernel gave it up. `None`: none of that happened within `timeout`. `None` as the timeout
/// waits for ever.
///
/// No byte is read and no error taken, and arriving data wakes nobody. A peer that vanished without
/// a word is noticed when the kernel gives it up, so the socket needs a [`Plan`](crate::Plan) or
/// some other keepalive; without one this waits as long as a read would. A FIN counts as the end;
/// [`died_with`] can be told otherwise.
///
/// The call makes an epoll descriptor of its own for its duration. To wait for many connections at
/// once, there is [`Watch`](crate::Watch). Needs no privilege.
///
/// ```
/// # use std::net::{TcpListener, TcpStream};
/// # use std::time::Duration;
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let client = TcpStream::connect(listener.local_addr()?)?;
/// # let (server, _) = listener.accept()?;
/// assert_eq!(deadpeer::died(&server, Some(Duration::ZERO))?, None);
/// drop(client);
/// let death = deadpeer::died(&server, Some(Duration::from_secs(1)))?.expect("it closed");
/// assert_eq!(death.cause(), deadpeer::Cause::PeerClosed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`WatchError`].
#[doc(alias = "EPOLLRDHUP")]
pub fn died(socket: impl AsFd, timeout: Option<Duration>) -> Result<Option<Death>, WatchError> {
    died_with(socket, HalfClose::Ends, timeout)
}

/// As [`died`], with a say in whether a FIN alone is the end.
///
/// # Errors
/// See [`WatchError`].
pub fn died_with(
    socket: impl AsFd,
    half_close: HalfClose,
    timeout: Option<Duration>,
) -> Result<Option<Death>, WatchError> {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let fd = socket.as_fd();
    let (mut vigil, epoll) = Vigil::begin(fd, half_close)?;
    let mut happened = Happened::with_room_for(1);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        epoll.wait(&mut happened, left).map_err(WatchError::Call)?;
        let Some((_, signs)) = happened.iter().next() else {
            return Ok(None);
        };
        if let Some(death) = vigil.check(fd, signs)? {
            return Ok(Some(death));
        }
    }
}

/// Watching one socket.
#[derive(Debug)]
pub(crate) struct Vigil {
    half_close: HalfClose,
    known: Known,
}

impl Vigil {
    pub(crate) fn begin(
        fd: BorrowedFd<'_>,
        half_close: HalfClose,
    ) -> Result<(Self, Epoll), WatchError> {
        let info = deadpeer_sys::tcp_info(fd).map_err(|error| refusal(fd, error))?;
        let epoll = Epoll::new().map_err(WatchError::Call)?;
        epoll.watch_end(fd, 0).map_err(WatchError::Call)?;
        let vigil = Self {
            half_close,
            known: known(Known::Fresh, info.state),
        };
        Ok((vigil, epoll))
    }

    /// Whether these signs mean the end.
    pub(crate) fn check(
        &mut self,
        fd: BorrowedFd<'_>,
        signs: Signs,
    ) -> Result<Option<Death>, WatchError> {
        let info = deadpeer_sys::tcp_info(fd).map_err(WatchError::Call)?;
        let limits = || Limits::of(fd);
        let death = judge(signs, &info, limits, self.known, self.half_close);
        self.known = known(self.known, info.state);
        Ok(death)
    }
}

/// What is known after a state was seen.
pub(crate) fn known(before: Known, state: Option<TcpState>) -> Known {
    match state {
        Some(state) if state.peer_has_finished() => Known::PeerFinished,
        Some(TcpState::SynSent) => Known::Connecting,
        Some(TcpState::Close | TcpState::Listen) | None => before,
        Some(_) if before == Known::PeerFinished => before,
        Some(_) => Known::Connected,
    }
}

/// The error of a first question to a descriptor.
pub(crate) fn refusal(fd: BorrowedFd<'_>, error: SysError) -> WatchError {
    SocketError::of(fd, error).into()
}
