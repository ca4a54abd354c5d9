//! The socket options that decide when a connection is given up, one reader and one setter each.
//!
//! Values are the kernel's own, in the unit the name carries. Nothing is rounded or checked here: a
//! value outside the range of an option comes back as `EINVAL` ([`SocketOptions::check`] knows the
//! ranges). A descriptor that is no socket gives `ENOTSOCK`, a socket that is not TCP `EOPNOTSUPP`
//! or `ENOPROTOOPT`. None of these calls needs a privilege.
//!
//! [`SocketOptions::check`]: deadpeer_core::SocketOptions::check

mod effective;
mod filter;
pub(crate) mod raw;
mod transport;

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use deadpeer_core::{Setting, SocketOption};
use rustix::io::Errno;
use rustix::net::{AddressFamily, sockopt};

use crate::{Result, door};

pub use effective::{effective, effective_among};
pub use filter::{mute, unmute};
pub use transport::{Transport, cookie, transport};

/// Reads one of the options that decide when a connection is given up, in its own unit.
///
/// A time or count of keepalive is the sysctl's where the socket has no value of its own.
pub fn get(fd: impl AsFd, option: SocketOption) -> Result<u32> {
    get_of(fd.as_fd().as_raw_fd(), option)
}

/// As [`get`], of a number that need not be a descriptor any more.
pub(crate) fn get_of(number: RawFd, option: SocketOption) -> Result<u32> {
    let (facts, [call, _]) = (option.facts(), calls(option));
    raw::read_int(number, facts.level_number, facts.number, call).map(i32::cast_unsigned)
}

/// Sets one of the options that decide when a connection is given up.
pub fn set(fd: impl AsFd, Setting { option, value, .. }: Setting) -> Result<()> {
    let (facts, [_, call]) = (option.facts(), calls(option));
    raw::write_int(fd.as_fd(), facts.level_number, facts.number, value, call)
}

/// As [`set`], for whoever is not the program whose socket it is: a rule for new connections (eBPF,
/// cgroup/setsockopt) takes it for no wish of that program, and lets it through as it is. Without
/// such a rule it is the same as [`set`].
///
/// The kernel reads the `int` of a longer value and leaves the rest (net/core/sock.c,
/// `sk_setsockopt`; net/ipv4/tcp.c, `do_tcp_setsockopt`); the rule reads both.
pub fn set_from_outside(fd: impl AsFd, Setting { option, value, .. }: Setting) -> Result<()> {
    let (facts, [_, call]) = (option.facts(), calls(option));
    let value = raw::int(value, call)?;
    raw::write(
        fd.as_fd(),
        facts.level_number,
        facts.number,
        &[value, FROM_OUTSIDE],
        call,
    )
}

/// What follows the value: `FROM_OUTSIDE` of deadpeer-bpf/programs/wishes.bpf.c.
const FROM_OUTSIDE: i32 = 0x6465_6164;

/// The calls as errors name them.
fn calls(option: SocketOption) -> [&'static str; 2] {
    macro_rules! calls {
        ($name:literal) => {
            [
                concat!("getsockopt(", $name, ")"),
                concat!("setsockopt(", $name, ")"),
            ]
        };
    }
    match option {
        SocketOption::Keepalive => calls!("SO_KEEPALIVE"),
        SocketOption::Keepintvl => calls!("TCP_KEEPINTVL"),
        SocketOption::Keepcnt => calls!("TCP_KEEPCNT"),
        SocketOption::UserTimeout => calls!("TCP_USER_TIMEOUT"),
        SocketOption::RtoMax => calls!("TCP_RTO_MAX_MS"),
        SocketOption::Syncnt => calls!("TCP_SYNCNT"),
        SocketOption::Keepidle => calls!("TCP_KEEPIDLE"),
        _ => ["getsockopt", "setsockopt"],
    }
}

/// Reads `SO_KEEPALIVE`: whether the kernel probes the peer while the connection is idle
/// (socket(7)).
#[doc(alias = "SO_KEEPALIVE")]
pub fn keepalive(fd: impl AsFd) -> Result<bool> {
    get(fd, SocketOption::Keepalive).map(|on| on != 0)
}

/// Sets `SO_KEEPALIVE`; on a connected socket this arms or disarms the timer (net/ipv4/tcp_timer.c,
/// `tcp_set_keepalive`).
#[doc(alias = "SO_KEEPALIVE")]
pub fn set_keepalive(fd: impl AsFd, on: bool) -> Result<()> {
    set(fd, Setting::new(SocketOption::Keepalive, on.into()))
}

/// Reads `TCP_KEEPIDLE`, seconds; the sysctl `tcp_keepalive_time` where the socket has no value of
/// its own.
#[doc(alias = "TCP_KEEPIDLE")]
pub fn keepidle_s(fd: impl AsFd) -> Result<u32> {
    get(fd, SocketOption::Keepidle)
}

/// Sets `TCP_KEEPIDLE`, 1 to 32767 seconds.
///
/// On a connection whose keepalive is on this arms the timer anew, counting the silence that has
/// already passed (net/ipv4/tcp.c, `tcp_sock_set_keepidle_locked`).
#[doc(alias = "TCP_KEEPIDLE")]
pub fn set_keepidle_s(fd: impl AsFd, seconds: u32) -> Result<()> {
    set(fd, Setting::new(SocketOption::Keepidle, seconds))
}

/// Reads `TCP_KEEPINTVL`, seconds; the sysctl `tcp_keepalive_intvl` where the socket has no value
/// of its own.
#[doc(alias = "TCP_KEEPINTVL")]
pub fn keepintvl_s(fd: impl AsFd) -> Result<u32> {
    get(fd, SocketOption::Keepintvl)
}

/// Sets `TCP_KEEPINTVL`, 1 to 32767 seconds. An armed timer keeps its old value.
#[doc(alias = "TCP_KEEPINTVL")]
pub fn set_keepintvl_s(fd: impl AsFd, seconds: u32) -> Result<()> {
    set(fd, Setting::new(SocketOption::Keepintvl, seconds))
}

/// Reads `TCP_KEEPCNT`, probes; the sysctl `tcp_keepalive_probes` where the socket has no value of
/// its own.
#[doc(alias = "TCP_KEEPCNT")]
pub fn keepcnt(fd: impl AsFd) -> Result<u32> {
    get(fd, SocketOption::Keepcnt)
}

/// Sets `TCP_KEEPCNT`, 1 to 127 probes.
#[doc(alias = "TCP_KEEPCNT")]
pub fn set_keepcnt(fd: impl AsFd, probes: u32) -> Result<()> {
    set(fd, Setting::new(SocketOption::Keepcnt, probes))
}

/// Reads `TCP_USER_TIMEOUT` (Linux 2.6.37), milliseconds; `None`: none is set.
#[doc(alias = "TCP_USER_TIMEOUT")]
pub fn user_timeout_ms(fd: impl AsFd) -> Result<Option<u32>> {
    get(fd, SocketOption::UserTimeout).map(|ms| Some(ms).filter(|ms| *ms > 0))
}

/// Sets `TCP_USER_TIMEOUT` (Linux 2.6.37), milliseconds up to `i32::MAX`; `None` takes it away.
#[doc(alias = "TCP_USER_TIMEOUT")]
pub fn set_user_timeout_ms(fd: impl AsFd, timeout: Option<u32>) -> Result<()> {
    set(
        fd,
        Setting::new(SocketOption::UserTimeout, timeout.unwrap_or(0)),
    )
}

/// Reads `TCP_RTO_MAX_MS`, milliseconds; `None`: this kernel has no such option (before Linux
/// 6.15).
///
/// A socket copies the sysctl `tcp_rto_max_ms` when it is made (net/ipv4/tcp.c, `tcp_init_sock`).
#[doc(alias = "TCP_RTO_MAX_MS")]
pub fn rto_max_ms(fd: impl AsFd) -> Result<Option<u32>> {
    match get(fd, SocketOption::RtoMax) {
        Ok(ms) => Ok(Some(ms)),
        Err(error) if error.errno == Errno::NOPROTOOPT => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sets `TCP_RTO_MAX_MS`, 1000 to 120000 milliseconds; `ENOPROTOOPT` before Linux 6.15.
#[doc(alias = "TCP_RTO_MAX_MS")]
pub fn set_rto_max_ms(fd: impl AsFd, ms: u32) -> Result<()> {
    set(fd, Setting::new(SocketOption::RtoMax, ms))
}

/// Reads `TCP_SYNCNT`, SYN retries of connect(); the sysctl `tcp_syn_retries` where the socket has
/// no value of its own.
///
/// The two cannot be told apart, and count the same (net/ipv4/tcp_timer.c, `tcp_write_timeout`).
#[doc(alias = "TCP_SYNCNT")]
pub fn syncnt(fd: impl AsFd) -> Result<u32> {
    get(fd, SocketOption::Syncnt)
}

/// Sets `TCP_SYNCNT`, 1 to 127 retries.
#[doc(alias = "TCP_SYNCNT")]
pub fn set_syncnt(fd: impl AsFd, retries: u32) -> Result<()> {
    set(fd, Setting::new(SocketOption::Syncnt, retries))
}

/// Reads `TCP_THIN_LINEAR_TIMEOUTS` (Linux 2.6.34): whether the first retransmissions of a thin
/// stream are equally far apart.
///
/// The socket's own value: the sysctl `tcp_thin_linear_timeouts` does the same to all sockets.
#[doc(alias = "TCP_THIN_LINEAR_TIMEOUTS")]
pub fn thin_linear_timeouts(fd: impl AsFd) -> Result<bool> {
    let number = fd.as_fd().as_raw_fd();
    let call = "getsockopt(TCP_THIN_LINEAR_TIMEOUTS)";
    raw::read_int(
        number,
        libc::IPPROTO_TCP,
        libc::TCP_THIN_LINEAR_TIMEOUTS,
        call,
    )
    .map(|on| on != 0)
}

/// Sets `TCP_THIN_LINEAR_TIMEOUTS`.
#[doc(alias = "TCP_THIN_LINEAR_TIMEOUTS")]
pub fn set_thin_linear_timeouts(fd: impl AsFd, on: bool) -> Result<()> {
    let call = "setsockopt(TCP_THIN_LINEAR_TIMEOUTS)";
    raw::write_int(
        fd.as_fd(),
        libc::IPPROTO_TCP,
        libc::TCP_THIN_LINEAR_TIMEOUTS,
        on.into(),
        call,
    )
}

/// Reads `SO_LINGER` (socket(7)): how long close() waits for what was written to be acknowledged;
/// `None`: it doesn't wait, and the kernel goes on sending. Zero: close() throws away what was
/// written, and sends RST.
#[doc(alias = "SO_LINGER")]
pub fn linger(fd: impl AsFd) -> Result<Option<Duration>> {
    door::call("getsockopt(SO_LINGER)", || sockopt::socket_linger(fd))
}

/// Sets `SO_LINGER`, whole seconds.
#[doc(alias = "SO_LINGER")]
pub fn set_linger(fd: impl AsFd, linger: Option<Duration>) -> Result<()> {
    door::call("setsockopt(SO_LINGER)", || {
        sockopt::set_socket_linger(fd, linger)
    })
}

/// Sets `TCP_MAXSEG`: no segment either way is longer. Before the handshake.
#[doc(alias = "TCP_MAXSEG")]
pub fn set_max_segment(fd: impl AsFd, bytes: u32) -> Result<()> {
    let call = "setsockopt(TCP_MAXSEG)";
    raw::write_int(fd.as_fd(), libc::IPPROTO_TCP, libc::TCP_MAXSEG, bytes, call)
}

/// Sets `IP_RECVERR` or `IPV6_RECVERR`, by the family of the socket: the first ICMP error about a
/// connection ends it (ip(7)).
#[doc(alias = "IP_RECVERR")]
pub fn set_recverr(fd: impl AsFd, on: bool) -> Result<()> {
    let fd = fd.as_fd();
    let domain = door::call("getsockopt(SO_DOMAIN)", || sockopt::socket_domain(fd))?;
    let (level, option, call) = match domain {
        AddressFamily::INET6 => (
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVERR,
            "setsockopt(IPV6_RECVERR)",
        ),
        _ => (libc::IPPROTO_IP, libc::IP_RECVERR, "setsockopt(IP_RECVERR)"),
    };
    raw::write_int(fd, level, option, on.into(), call)
}

/// Takes the error of a socket, if it has one (`SO_ERROR`). Whoever asks next, the application
/// included, gets none.
#[doc(alias = "SO_ERROR")]
pub fn take_error(fd: impl AsFd) -> Result<Option<Errno>> {
    door::call("getsockopt(SO_ERROR)", || sockopt::socket_error(fd)).map(std::result::Result::err)
}
