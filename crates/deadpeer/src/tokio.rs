//! For tokio (feature `tokio`): streams that fail when their peer is gone, waiting and asking
//! without a thread.
//!
//! - [`Guarded`] is a stream like the one inside, but for this: once its peer is unreachable,
//!   reading and writing fail.
//! - [`reusable`], [`ping`] and [`died`] are those of the crate, for tasks.
//! - [`AsyncWatch`] is a [`Watch`](crate::Watch) of any event loop's own making.
//!
//! The module needs a runtime whose I/O driver and timer are enabled.

mod async_watch;
mod guard;
mod guarded;
mod peer;

pub use async_watch::{AsyncWatch, WatchHandle};
pub use guard::Guard;
pub use guarded::Guarded;
pub use peer::{Gone, Health, Peer};

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::time::sleep;
use deadpeer_sys::readiness::Happened;
use deadpeer_sys::{Errno, SysError};

use crate::died::Vigil;
use crate::ping::Ping;
use crate::reusable::Check;
use crate::{Answer, Death, HalfClose, Reuse, SocketError, WatchError};

/// As [`crate::ping()`], without keeping a thread.
///
/// Dropping the future before it is done restores the settings.
///
/// # Errors
/// See [`SocketError`].
///
/// # Panics
/// Outside a runtime with its timer enabled.
pub async fn ping(socket: &impl AsFd, timeout: Duration) -> Result<Answer, SocketError> {
    let mut ping = Ping::begin(socket, Instant::now(), timeout)?;
    loop {
        if let Some(answer) = ping.handle_timeout(Instant::now())? {
            return Ok(answer);
        }
        let next = ping.poll_timeout();
        sleep(next.saturating_duration_since(Instant::now())).await;
    }
}

/// As [`crate::reusable`], without keeping a thread.
///
/// Dropping the future before it is done restores the settings that a probe changes.
///
/// # Errors
/// See [`SocketError`].
///
/// # Panics
/// Outside a runtime with its timer enabled.
pub async fn reusable(socket: &impl AsFd, timeout: Duration) -> Result<Reuse, SocketError> {
    let mut check = Check::begin(socket.as_fd(), Instant::now(), timeout)?;
    loop {
        if let Some(reuse) = check.handle_timeout(Instant::now())? {
            return Ok(reuse);
        }
        let next = check.poll_timeout();
        sleep(next.saturating_duration_since(Instant::now())).await;
    }
}

/// As [`crate::died`]: completes when the other end is gone. No byte is read, no error taken, and
/// arriving data wakes no task.
///
/// Meant for `select!`: dropping the future ends the watching and leaves nothing behind. The socket
/// may be read and written meanwhile, by this task or another.
///
/// ```
/// # use tokio::net::{TcpListener, TcpStream};
/// # tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let client = TcpStream::connect(listener.local_addr()?).await?;
/// # let (server, _) = listener.accept().await?;
/// # drop(client);
/// # async fn long_work() { std::future::pending().await }
/// tokio::select! {
///     () = long_work() => {}
///     death = deadpeer::tokio::died(&server) => {
///         assert_eq!(death?.cause(), deadpeer::Cause::PeerClosed);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`WatchError`].
///
/// # Panics
/// Outside a runtime with its I/O driver enabled.
pub async fn died(socket: &impl AsFd) -> Result<Death, WatchError> {
    died_with(socket, HalfClose::Ends).await
}

/// As [`died`], with a say in whether a FIN alone is the end.
///
/// # Errors
/// See [`WatchError`].
///
/// # Panics
/// Outside a runtime with its I/O driver enabled.
pub async fn died_with(socket: &impl AsFd, half_close: HalfClose) -> Result<Death, WatchError> {
    let fd = socket.as_fd();
    let (mut vigil, epoll) = Vigil::begin(fd, half_close)?;
    let epoll = registered(epoll)?;
    let mut happened = Happened::with_room_for(1);
    loop {
        let mut ready = epoll.readable().await.map_err(|_| WatchError::Runtime)?;
        epoll
            .get_ref()
            .wait(&mut happened, Some(Duration::ZERO))
            .map_err(WatchError::Call)?;
        match happened.iter().next() {
            None => ready.clear_ready(),
            Some((_, signs)) => {
                if let Some(death) = vigil.check(fd, signs)? {
                    return Ok(death);
                }
            }
        }
    }
}

/// Makes the runtime wait for a descriptor that becomes readable.
#[allow(
    deprecated,
    reason = "the successor is unsafe, because a type could change its descriptor; ours own one for life"
)]
fn registered<T: AsRawFd>(inner: T) -> Result<AsyncFd<T>, WatchError> {
    AsyncFd::with_interest(inner, Interest::READABLE).map_err(|error| {
        match Errno::from_io_error(&error) {
            Some(errno) => WatchError::Call(SysError {
                call: "epoll_ctl(EPOLL_CTL_ADD)",
                errno,
            }),
            None => WatchError::Runtime,
        }
    })
}
