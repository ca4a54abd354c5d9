//! All options of a socket at once, as they are in force.

use std::os::fd::{AsFd, BorrowedFd};

use deadpeer_core::{Effective, Sysctls};
use rustix::io::Errno;

use super::{
    Transport, keepalive, keepcnt, keepidle_s, keepintvl_s, rto_max_ms, syncnt,
    thin_linear_timeouts, transport, user_timeout_ms,
};
use crate::Result;

/// Reads every option in force on a TCP socket: eight calls.
///
/// The keepalive values are those that would count if keepalive were on. `syncnt` is `Some` even on
/// a socket that has no value of its own: the kernel answers with the sysctl then.
///
/// A Multipath TCP socket takes neither user timeout nor `TCP_RTO_MAX_MS` nor `TCP_SYNCNT`
/// (net/mptcp/sockopt.c): these are `None`, and its connections follow the sysctls.
///
/// # Errors
/// The first call that failed: `EBADF`, `ENOTSOCK`, or `EOPNOTSUPP` and `ENOPROTOOPT` on a socket
/// that is not TCP.
pub fn effective(fd: impl AsFd) -> Result<Effective> {
    let fd = fd.as_fd();
    let mut effective = Effective::untouched(&Sysctls::DEFAULT);
    effective.keepalive = keepalive(fd)?;
    effective.keepidle_s = keepidle_s(fd)?;
    effective.keepintvl_s = keepintvl_s(fd)?;
    effective.keepcnt = keepcnt(fd)?;
    effective.user_timeout_ms = unless_multipath(fd, user_timeout_ms(fd))?.flatten();
    effective.rto_max_ms = unless_multipath(fd, rto_max_ms(fd))?.flatten();
    effective.syncnt = unless_multipath(fd, syncnt(fd))?;
    effective.thin_linear_timeouts =
        unless_multipath(fd, thin_linear_timeouts(fd))?.unwrap_or(false);
    Ok(effective)
}

/// Reads what decides about a connection in as few calls as it takes: three to seven. For many
/// sockets.
///
/// `sysctls` are those of the socket's network namespace. Without keepalive its three values are
/// not read but taken from there: a value set on the socket itself shows only once keepalive is on.
/// `TCP_RTO_MAX_MS` is not read where the sysctls say that the kernel has none. `TCP_SYNCNT` is
/// never read (`None`): it counts while connecting alone, and [`syncnt`] reads it.
///
/// # Errors
/// As [`effective`].
pub fn effective_among(fd: impl AsFd, sysctls: &Sysctls) -> Result<Effective> {
    let fd = fd.as_fd();
    let mut effective = Effective::untouched(sysctls);
    effective.keepalive = keepalive(fd)?;
    if effective.keepalive {
        effective.keepidle_s = keepidle_s(fd)?;
        effective.keepintvl_s = keepintvl_s(fd)?;
        effective.keepcnt = keepcnt(fd)?;
    }
    let Some(user_timeout) = unless_multipath(fd, user_timeout_ms(fd))? else {
        return Ok(effective);
    };
    effective.user_timeout_ms = user_timeout;
    effective.thin_linear_timeouts = thin_linear_timeouts(fd)?;
    if sysctls.rto_max_ms.is_some() {
        effective.rto_max_ms = rto_max_ms(fd)?;
    }
    Ok(effective)
}

/// `None` for an option that Multipath TCP sockets do not have.
fn unless_multipath<T>(fd: BorrowedFd<'_>, read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.errno == Errno::OPNOTSUPP && transport(fd)? == Transport::Mptcp => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
