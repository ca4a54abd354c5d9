//! One option with one value: how to set it, and what a socket holds of it.

use std::os::fd::BorrowedFd;

use deadpeer_core::{Effective, SocketOptions};
use deadpeer_sys::{SysError, sockopt};

/// One socket option with a value of its own, in the unit of its kernel name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// `SO_KEEPALIVE`.
    Keepalive(bool),
    /// `TCP_KEEPINTVL`, seconds.
    Keepintvl(u32),
    /// `TCP_KEEPCNT`, probes.
    Keepcnt(u32),
    /// `TCP_USER_TIMEOUT`, milliseconds; 0 is none.
    UserTimeout(u32),
    /// `TCP_RTO_MAX_MS`, milliseconds.
    RtoMax(u32),
    /// `TCP_SYNCNT`, retries.
    Syncnt(u32),
    /// `TCP_KEEPIDLE`, seconds.
    Keepidle(u32),
}

impl Setting {
    /// The kernel's name of the option.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Keepalive(_) => "SO_KEEPALIVE",
            Self::Keepintvl(_) => "TCP_KEEPINTVL",
            Self::Keepcnt(_) => "TCP_KEEPCNT",
            Self::UserTimeout(_) => "TCP_USER_TIMEOUT",
            Self::RtoMax(_) => "TCP_RTO_MAX_MS",
            Self::Syncnt(_) => "TCP_SYNCNT",
            Self::Keepidle(_) => "TCP_KEEPIDLE",
        }
    }

    /// What is to be set, in the order in which a live connection takes it best.
    ///
    /// `SO_KEEPALIVE` comes first: switching it on starts the wait afresh (net/ipv4/tcp_timer.c,
    /// `tcp_set_keepalive`). `TCP_KEEPIDLE` comes last: on a connection whose keepalive is on it
    /// arms the timer anew and counts the silence that has already passed (net/ipv4/tcp.c,
    /// `tcp_sock_set_keepidle_locked`), so if the first probe is due at once, it goes out with all
    /// other values in place.
    pub fn in_order(options: &SocketOptions) -> impl Iterator<Item = Self> {
        [
            options.keepalive.map(Self::Keepalive),
            options.keepintvl_s.map(Self::Keepintvl),
            options.keepcnt.map(Self::Keepcnt),
            options.user_timeout_ms.map(Self::UserTimeout),
            options.rto_max_ms.map(Self::RtoMax),
            options.syncnt.map(Self::Syncnt),
            options.keepidle_s.map(Self::Keepidle),
        ]
        .into_iter()
        .flatten()
    }

    /// The same option with the value that is in force; `None` where the socket does not have it.
    #[must_use]
    pub fn held(self, effective: &Effective) -> Option<Self> {
        Some(match self {
            Self::Keepalive(_) => Self::Keepalive(effective.keepalive),
            Self::Keepintvl(_) => Self::Keepintvl(effective.keepintvl_s),
            Self::Keepcnt(_) => Self::Keepcnt(effective.keepcnt),
            Self::UserTimeout(_) => Self::UserTimeout(effective.user_timeout_ms.unwrap_or(0)),
            Self::RtoMax(_) => Self::RtoMax(effective.rto_max_ms?),
            Self::Syncnt(_) => Self::Syncnt(effective.syncnt?),
            Self::Keepidle(_) => Self::Keepidle(effective.keepidle_s),
        })
    }

    /// Makes it one of `options`, in place of another value of the same option.
    pub fn put(self, options: &mut SocketOptions) {
        match self {
            Self::Keepalive(on) => options.keepalive = Some(on),
            Self::Keepintvl(seconds) => options.keepintvl_s = Some(seconds),
            Self::Keepcnt(probes) => options.keepcnt = Some(probes),
            Self::UserTimeout(ms) => options.user_timeout_ms = Some(ms),
            Self::RtoMax(ms) => options.rto_max_ms = Some(ms),
            Self::Syncnt(retries) => options.syncnt = Some(retries),
            Self::Keepidle(seconds) => options.keepidle_s = Some(seconds),
        }
    }

    pub(crate) fn set(self, fd: BorrowedFd<'_>) -> Result<(), SysError> {
        match self {
            Self::Keepalive(on) => sockopt::set_keepalive(fd, on),
            Self::Keepintvl(seconds) => sockopt::set_keepintvl_s(fd, seconds),
            Self::Keepcnt(probes) => sockopt::set_keepcnt(fd, probes),
            Self::UserTimeout(ms) => sockopt::set_user_timeout_ms(fd, Some(ms)),
            Self::RtoMax(ms) => sockopt::set_rto_max_ms(fd, ms),
            Self::Syncnt(retries) => sockopt::set_syncnt(fd, retries),
            Self::Keepidle(seconds) => sockopt::set_keepidle_s(fd, seconds),
        }
    }
}
