//! The socket options that decide when a connection is given up: what to set, and what is in force.

use std::fmt;
use std::time::Duration;

use crate::kernel::Sysctls;

/// `TCP_KEEPIDLE` and `TCP_KEEPINTVL` take 1 to this many seconds (include/net/tcp.h,
/// `MAX_TCP_KEEPIDLE`).
pub const MAX_KEEPALIVE_S: u16 = 32_767;
/// `TCP_KEEPCNT` takes 1 to this many probes (include/net/tcp.h, `MAX_TCP_KEEPCNT`).
pub const MAX_KEEPCNT: u8 = 127;
/// `TCP_SYNCNT` takes 1 to this many retries (include/net/tcp.h, `MAX_TCP_SYNCNT`).
pub const MAX_SYNCNT: u8 = 127;
/// `TCP_USER_TIMEOUT` takes up to this many milliseconds (net/ipv4/tcp.c: a negative int is
/// refused).
pub const MAX_USER_TIMEOUT_MS: u32 = i32::MAX as u32;
/// `TCP_RTO_MAX_MS` takes at least this many milliseconds (net/ipv4/tcp.c, Linux 6.15).
pub const MIN_RTO_MAX_MS: u32 = 1_000;
/// `TCP_RTO_MAX_MS` takes at most this many milliseconds (include/net/tcp.h, `TCP_RTO_MAX_SEC`).
pub const MAX_RTO_MAX_MS: u32 = 120_000;

/// Options to set on a socket. `None` leaves an option as it is.
///
/// The kernel cannot be told "follow the sysctl again": an option once set stays set (tcp(7)).
///
/// ```
/// use deadpeer_core::SocketOptions;
///
/// const OPTIONS: SocketOptions = SocketOptions::new()
///     .keepalive(true)
///     .keepidle_s(20)
///     .keepintvl_s(2)
///     .keepcnt(5);
/// assert_eq!(OPTIONS.keepidle_s, Some(20));
/// assert_eq!(OPTIONS.check(), Ok(()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct SocketOptions {
    /// `SO_KEEPALIVE`: probe the peer while the connection is idle.
    #[doc(alias = "SO_KEEPALIVE")]
    pub keepalive: Option<bool>,
    /// `TCP_KEEPIDLE`, seconds of silence before the first probe, 1 to 32767.
    #[doc(alias = "TCP_KEEPIDLE")]
    pub keepidle_s: Option<u32>,
    /// `TCP_KEEPINTVL`, seconds between probes, 1 to 32767.
    #[doc(alias = "TCP_KEEPINTVL")]
    pub keepintvl_s: Option<u32>,
    /// `TCP_KEEPCNT`, unanswered probes until the connection is dead, 1 to 127. Ignored while a
    /// user timeout is set.
    #[doc(alias = "TCP_KEEPCNT")]
    pub keepcnt: Option<u32>,
    /// `TCP_USER_TIMEOUT` (Linux 2.6.37), milliseconds; 0 takes it away.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub user_timeout_ms: Option<u32>,
    /// `TCP_RTO_MAX_MS` (Linux 6.15), milliseconds, 1000 to 120000.
    #[doc(alias = "TCP_RTO_MAX_MS")]
    pub rto_max_ms: Option<u32>,
    /// `TCP_SYNCNT`, SYN retries of connect(), 1 to 127.
    #[doc(alias = "TCP_SYNCNT")]
    pub syncnt: Option<u32>,
}

/// Each takes the number as the kernel does, and [`check`](SocketOptions::check) sees to its range.
/// `with_keepidle` and its like take durations and check at once.
impl SocketOptions {
    /// No options yet: all are left as they are.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keepalive: None,
            keepidle_s: None,
            keepintvl_s: None,
            keepcnt: None,
            user_timeout_ms: None,
            rto_max_ms: None,
            syncnt: None,
        }
    }

    /// `SO_KEEPALIVE`.
    #[must_use]
    pub const fn keepalive(mut self, on: bool) -> Self {
        self.keepalive = Some(on);
        self
    }

    /// `TCP_KEEPIDLE`, seconds.
    #[must_use]
    pub const fn keepidle_s(mut self, seconds: u32) -> Self {
        self.keepidle_s = Some(seconds);
        self
    }

    /// `TCP_KEEPINTVL`, seconds.
    #[must_use]
    pub const fn keepintvl_s(mut self, seconds: u32) -> Self {
        self.keepintvl_s = Some(seconds);
        self
    }

    /// `TCP_KEEPCNT`, probes.
    #[must_use]
    pub const fn keepcnt(mut self, probes: u32) -> Self {
        self.keepcnt = Some(probes);
        self
    }

    /// `TCP_USER_TIMEOUT`, milliseconds; 0 takes it away.
    #[must_use]
    pub const fn user_timeout_ms(mut self, ms: u32) -> Self {
        self.user_timeout_ms = Some(ms);
        self
    }

    /// `TCP_RTO_MAX_MS` (Linux 6.15), milliseconds.
    #[must_use]
    pub const fn rto_max_ms(mut self, ms: u32) -> Self {
        self.rto_max_ms = Some(ms);
        self
    }

    /// `TCP_SYNCNT`, retries of connect().
    #[must_use]
    pub const fn syncnt(mut self, retries: u32) -> Self {
        self.syncnt = Some(retries);
        self
    }
}

impl SocketOptions {
    /// What would be in force on a fresh socket with these options in a namespace with these
    /// sysctls.
    #[must_use]
    pub fn resolve(&self, sysctls: &Sysctls) -> Effective {
        Effective {
            keepalive: self.keepalive.unwrap_or(false),
            keepidle_s: self.keepidle_s.unwrap_or(sysctls.keepalive_time_s),
            keepintvl_s: self.keepintvl_s.unwrap_or(sysctls.keepalive_intvl_s),
            keepcnt: self.keepcnt.unwrap_or(sysctls.keepalive_probes),
            user_timeout_ms: self.user_timeout_ms.filter(|ms| *ms > 0),
            rto_max_ms: self.rto_max_ms.or(sysctls.rto_max_ms),
            syncnt: self.syncnt,
            thin_linear_timeouts: false,
        }
    }

    /// Checks every value that is set against the range the kernel takes.
    ///
    /// # Errors
    /// The first option outside its range, with the range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let seconds = u64::from(MAX_KEEPALIVE_S);
        let checks = [
            ("TCP_KEEPIDLE", self.keepidle_s, 1, seconds, "seconds"),
            ("TCP_KEEPINTVL", self.keepintvl_s, 1, seconds, "seconds"),
            (
                "TCP_KEEPCNT",
                self.keepcnt,
                1,
                u64::from(MAX_KEEPCNT),
                "probes",
            ),
            (
                "TCP_USER_TIMEOUT",
                self.user_timeout_ms,
                0,
                u64::from(MAX_USER_TIMEOUT_MS),
                "milliseconds",
            ),
            (
                "TCP_RTO_MAX_MS",
                self.rto_max_ms,
                u64::from(MIN_RTO_MAX_MS),
                u64::from(MAX_RTO_MAX_MS),
                "milliseconds",
            ),
            (
                "TCP_SYNCNT",
                self.syncnt,
                1,
                u64::from(MAX_SYNCNT),
                "retries",
            ),
        ];
        for (option, value, min, max, unit) in checks {
            if let Some(value) = value.map(u64::from).filter(|v| *v < min || *v > max) {
                return Err(OutOfRange {
                    option,
                    value: Asked::Number(value),
                    min,
                    max,
                    unit,
                });
            }
        }
        Ok(())
    }
}

/// A value that an option cannot hold, and that the kernel would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// The kernel's name of the option.
    pub option: &'static str,
    /// The value that was asked for.
    pub value: Asked,
    /// The smallest value the kernel takes.
    pub min: u64,
    /// The largest value the kernel takes.
    pub max: u64,
    /// What the numbers count.
    pub unit: &'static str,
}

/// A value as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// In the unit of the option.
    Number(u64),
    /// As a duration, which need not be a whole number of units.
    Duration(Duration),
}

impl std::error::Error for OutOfRange {}

impl From<OutOfRange> for std::io::Error {
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput), with the error inside.
    fn from(error: OutOfRange) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            value,
            min,
            max,
            unit,
        } = self;
        write!(f, "{option} takes {min} to {max} ")?;
        match value {
            Asked::Number(number) => write!(f, "{unit}, not {number}"),
            Asked::Duration(duration) => write!(f, "whole {unit}, not {duration:?}"),
        }
    }
}

/// The settings in force on a socket: its own where it has them, else the sysctl's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Effective {
    /// `SO_KEEPALIVE`.
    pub keepalive: bool,
    /// `TCP_KEEPIDLE` or `tcp_keepalive_time`, seconds.
    pub keepidle_s: u32,
    /// `TCP_KEEPINTVL` or `tcp_keepalive_intvl`, seconds.
    pub keepintvl_s: u32,
    /// `TCP_KEEPCNT` or `tcp_keepalive_probes`.
    pub keepcnt: u32,
    /// `TCP_USER_TIMEOUT`, milliseconds; `None`: no user timeout is set.
    pub user_timeout_ms: Option<u32>,
    /// `TCP_RTO_MAX_MS` or `tcp_rto_max_ms`, milliseconds; `None`: the kernel has neither, its
    /// bound is 120 s.
    pub rto_max_ms: Option<u32>,
    /// `TCP_SYNCNT`; `None`: follows `tcp_syn_retries`.
    pub syncnt: Option<u32>,
    /// `TCP_THIN_LINEAR_TIMEOUTS` (Linux 2.6.34): while fewer than 4 segments are in flight, the
    /// first 6 retransmissions are equally far apart. `false` may also mean that the sysctl of the
    /// same name does it.
    #[doc(alias = "TCP_THIN_LINEAR_TIMEOUTS")]
    pub thin_linear_timeouts: bool,
}

impl Effective {
    /// A socket that nobody set anything on, in a namespace with these sysctls.
    #[must_use]
    pub fn untouched(sysctls: &Sysctls) -> Self {
        SocketOptions::default().resolve(sysctls)
    }
}
