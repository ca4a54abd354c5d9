//! The socket options that decide when a connection is given up, one reader and one setter each.
//!
//! Values are the kernel's own, in the unit the name carries. Nothing is rounded or checked here: a
//! value outside the range of an option comes back as `EINVAL` ([`SocketOptions::check`] knows the
//! ranges). A descriptor that is no socket gives `ENOTSOCK`, a socket that is not TCP `EOPNOTSUPP`
//! or `ENOPROTOOPT`. None of these calls needs a privilege.
//!
//! [`SocketOptions::check`]: deadpeer_core::SocketOptions::check

mod effective;
pub(crate) mod filter;
pub(crate) mod int;
mod transport;

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;

use crate::{Result, SysError};

pub use effective::{effective, effective_among};
pub use filter::{mute, unmute};
pub use transport::{Transport, cookie, transport};

/// `TCP_RTO_MAX_MS` of include/uapi/linux/tcp.h (Linux 6.15), not in libc yet.
const TCP_RTO_MAX_MS: libc::c_int = 44;

/// Reads `SO_KEEPALIVE`: whether the kernel probes the peer while the connection is idle
/// (socket(7)).
#[doc(alias = "SO_KEEPALIVE")]
pub fn keepalive(fd: impl AsFd) -> Result<bool> {
    sockopt::socket_keepalive(fd).map_err(SysError::of("getsockopt(SO_KEEPALIVE)"))
}

/// Sets `SO_KEEPALIVE`; on a connected socket this arms or disarms the timer (net/ipv4/tcp_timer.c,
/// `tcp_set_keepalive`).
#[doc(alias = "SO_KEEPALIVE")]
pub fn set_keepalive(fd: impl AsFd, on: bool) -> Result<()> {
    sockopt::set_socket_keepalive(fd, on).map_err(SysError::of("setsockopt(SO_KEEPALIVE)"))
}

/// Reads `TCP_KEEPIDLE`, seconds; the sysctl `tcp_keepalive_time` where the socket has no value of
/// its own.
#[doc(alias = "TCP_KEEPIDLE")]
pub fn keepidle_s(fd: impl AsFd) -> Result<u32> {
    sockopt::tcp_keepidle(fd)
        .map(whole_seconds)
        .map_err(SysError::of("getsockopt(TCP_KEEPIDLE)"))
}

/// Sets `TCP_KEEPIDLE`, 1 to 32767 seconds.
///
/// On a connection whose keepalive is on this arms the timer anew, counting the silence that has
/// already passed (net/ipv4/tcp.c, `tcp_sock_set_keepidle_locked`).
#[doc(alias = "TCP_KEEPIDLE")]
pub fn set_keepidle_s(fd: impl AsFd, seconds: u32) -> Result<()> {
    sockopt::set_tcp_keepidle(fd, Duration::from_secs(seconds.into()))
        .map_err(SysError::of("setsockopt(TCP_KEEPIDLE)"))
}

/// Reads `TCP_KEEPINTVL`, seconds; the sysctl `tcp_keepalive_intvl` where the socket has no value
/// of its own.
#[doc(alias = "TCP_KEEPINTVL")]
pub fn keepintvl_s(fd: impl AsFd) -> Result<u32> {
    sockopt::tcp_keepintvl(fd)
        .map(whole_seconds)
        .map_err(SysError::of("getsockopt(TCP_KEEPINTVL)"))
}

/// Sets `TCP_KEEPINTVL`, 1 to 32767 seconds. An armed timer keeps its old value.
#[doc(alias = "TCP_KEEPINTVL")]
pub fn set_keepintvl_s(fd: impl AsFd, seconds: u32) -> Result<()> {
    sockopt::set_tcp_keepintvl(fd, Duration::from_secs(seconds.into()))
        .map_err(SysError::of("setsockopt(TCP_KEEPINTVL)"))
}

/// Reads `TCP_KEEPCNT`, probes; the sysctl `tcp_keepalive_probes` where the socket has no value of
/// its own.
#[doc(alias = "TCP_KEEPCNT")]
pub fn keepcnt(fd: impl AsFd) -> Result<u32> {
    sockopt::tcp_keepcnt(fd).map_err(SysError::of("getsockopt(TCP_KEEPCNT)"))
}

/// Sets `TCP_KEEPCNT`, 1 to 127 probes.
#[doc(alias = "TCP_KEEPCNT")]
pub fn set_keepcnt(fd: impl AsFd, probes: u32) -> Result<()> {
    sockopt::set_tcp_keepcnt(fd, probes).map_err(SysError::of("setsockopt(TCP_KEEPCNT)"))
}

/// Reads `TCP_USER_TIMEOUT` (Linux 2.6.37), milliseconds; `None`: none is set.
#[doc(alias = "TCP_USER_TIMEOUT")]
pub fn user_timeout_ms(fd: impl AsFd) -> Result<Option<u32>> {
    sockopt::tcp_user_timeout(fd)
        .map(|ms| Some(ms).filter(|ms| *ms > 0))
        .map_err(SysError::of("getsockopt(TCP_USER_TIMEOUT)"))
}

/// Sets `TCP_USER_TIMEOUT` (Linux 2.6.37), milliseconds up to `i32::MAX`; `None` takes it away.
#[doc(alias = "TCP_USER_TIMEOUT")]
pub fn set_user_timeout_ms(fd: impl AsFd, timeout: Option<u32>) -> Result<()> {
    sockopt::set_tcp_user_timeout(fd, timeout.unwrap_or(0))
        .map_err(SysError::of("setsockopt(TCP_USER_TIMEOUT)"))
}

/// Reads `TCP_RTO_MAX_MS`, milliseconds; `None`: this kernel has no such option (before Linux
/// 6.15).
///
/// A socket copies the sysctl `tcp_rto_max_ms` when it is made (net/ipv4/tcp.c, `tcp_init_sock`).
#[doc(alias = "TCP_RTO_MAX_MS")]
pub fn rto_max_ms(fd: impl AsFd) -> Result<Option<u32>> {
    let number = fd.as_fd().as_raw_fd();
    match int::read(number, TCP_RTO_MAX_MS, "getsockopt(TCP_RTO_MAX_MS)") {
        Ok(ms) => Ok(Some(ms.cast_unsigned())),
        Err(error) if error.errno == Errno::NOPROTOOPT => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sets `TCP_RTO_MAX_MS`, 1000 to 120000 milliseconds; `ENOPROTOOPT` before Linux 6.15.
#[doc(alias = "TCP_RTO_MAX_MS")]
pub fn set_rto_max_ms(fd: impl AsFd, ms: u32) -> Result<()> {
    int::write(fd.as_fd(), TCP_RTO_MAX_MS, ms, "setsockopt(TCP_RTO_MAX_MS)")
}

/// Reads `TCP_SYNCNT`, SYN retries of connect(); the sysctl `tcp_syn_retries` where the socket has
/// no value of its own.
///
/// The two cannot be told apart, and count the same (net/ipv4/tcp_timer.c, `tcp_write_timeout`).
#[doc(alias = "TCP_SYNCNT")]
pub fn syncnt(fd: impl AsFd) -> Result<u32> {
    let number = fd.as_fd().as_raw_fd();
    int::read(number, libc::TCP_SYNCNT, "getsockopt(TCP_SYNCNT)").map(i32::cast_unsigned)
}

/// Sets `TCP_SYNCNT`, 1 to 127 retries.
#[doc(alias = "TCP_SYNCNT")]
pub fn set_syncnt(fd: impl AsFd, retries: u32) -> Result<()> {
    int::write(
        fd.as_fd(),
        libc::TCP_SYNCNT,
        retries,
        "setsockopt(TCP_SYNCNT)",
    )
}

/// Reads `TCP_THIN_LINEAR_TIMEOUTS` (Linux 2.6.34): whether the first retransmissions of a thin
/// stream are equally far apart.
///
/// The socket's own value: the sysctl `tcp_thin_linear_timeouts` does the same to all sockets.
#[doc(alias = "TCP_THIN_LINEAR_TIMEOUTS")]
pub fn thin_linear_timeouts(fd: impl AsFd) -> Result<bool> {
    let number = fd.as_fd().as_raw_fd();
    let call = "getsockopt(TCP_THIN_LINEAR_TIMEOUTS)";
    int::read(number, libc::TCP_THIN_LINEAR_TIMEOUTS, call).map(|on| on != 0)
}

/// Sets `TCP_THIN_LINEAR_TIMEOUTS`.
#[doc(alias = "TCP_THIN_LINEAR_TIMEOUTS")]
pub fn set_thin_linear_timeouts(fd: impl AsFd, on: bool) -> Result<()> {
    let call = "setsockopt(TCP_THIN_LINEAR_TIMEOUTS)";
    int::write(fd.as_fd(), libc::TCP_THIN_LINEAR_TIMEOUTS, on.into(), call)
}

/// Reads `TCP_LINGER2`: the seconds a closed connection waits in FIN-WAIT-2 for the peer's FIN; the
/// sysctl `tcp_fin_timeout` where the socket has no value of its own.
///
/// `None`: it does not wait at all but sends RST (the option was set to a negative value).
#[doc(alias = "TCP_LINGER2")]
pub fn linger2_s(fd: impl AsFd) -> Result<Option<u32>> {
    let number = fd.as_fd().as_raw_fd();
    int::read(number, libc::TCP_LINGER2, "getsockopt(TCP_LINGER2)")
        .map(|seconds| u32::try_from(seconds).ok())
}

/// Reads `SO_LINGER` (socket(7)): how long close() waits for what was written to be acknowledged;
/// `None`: it doesn't wait, and the kernel goes on sending. Zero: close() throws away what was
/// written, and sends RST.
#[doc(alias = "SO_LINGER")]
pub fn linger(fd: impl AsFd) -> Result<Option<Duration>> {
    sockopt::socket_linger(fd).map_err(SysError::of("getsockopt(SO_LINGER)"))
}

/// Sets `SO_LINGER`, whole seconds.
#[doc(alias = "SO_LINGER")]
pub fn set_linger(fd: impl AsFd, linger: Option<Duration>) -> Result<()> {
    sockopt::set_socket_linger(fd, linger).map_err(SysError::of("setsockopt(SO_LINGER)"))
}

/// Takes the error of a socket, if it has one (`SO_ERROR`). Whoever asks next, the application
/// included, gets none.
#[doc(alias = "SO_ERROR")]
pub fn take_error(fd: impl AsFd) -> Result<Option<Errno>> {
    sockopt::socket_error(fd)
        .map(std::result::Result::err)
        .map_err(SysError::of("getsockopt(SO_ERROR)"))
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
