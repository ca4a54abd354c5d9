//! The one question that costs something.

use std::os::fd::AsFd;

use deadpeer_core::Cause;

use crate::death::never_connected;
use crate::died::{WatchError, refusal};

/// Takes the error of a connection, if it has one, and says what it means. **The application will
/// not see it any more**: its next read returns a clean end of stream, its next write fails with
/// `EPIPE`.
///
/// The kernel reports an error once: to `SO_ERROR`, or to the first call that fails. So this is for
/// the owner of a connection, in place of the read that would have told it, after
/// [`died`](crate::died()) or a [`Watch`](crate::Watch) said that there is one. Everything else in
/// this library leaves the error where it is.
///
/// `None`: the connection lives, or there never was one. An error that doesn't end a connection (an
/// ICMP message while data is in flight, tcp(7)) is taken, too, and is no cause. An orderly end is
/// [`Cause::PeerClosed`] or [`Cause::Closed`]; the latter is also what is left where somebody took
/// the error before.
///
/// # Errors
/// See [`WatchError`].
#[doc(alias = "SO_ERROR")]
pub fn take_error(socket: impl AsFd) -> Result<Option<Cause>, WatchError> {
    let fd = socket.as_fd();
    let info = deadpeer_sys::tcp_info(fd).map_err(|error| refusal(fd, error))?;
    let errno = deadpeer_sys::sockopt::take_error(fd).map_err(WatchError::Call)?;
    let raw = errno.map_or(0, deadpeer_sys::Errno::raw_os_error);
    if raw == 0 && never_connected(&info) {
        return Ok(None);
    }
    Ok(Cause::from_errno(raw, info.state))
}
