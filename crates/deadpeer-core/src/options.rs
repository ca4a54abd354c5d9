//! The socket options that decide when a connection is given up: what to set, and what is in force.

mod durations;
mod out_of_range;
mod table;

use crate::kernel::Sysctls;

pub use out_of_range::{Asked, OutOfRange};
pub use table::{OptionFacts, Setting, SocketOption};

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
///
/// // The same as a literal. Later versions may know more options: end it with the rest.
/// let literal = SocketOptions {
///     keepalive: Some(true),
///     keepidle_s: Some(20),
///     keepintvl_s: Some(2),
///     keepcnt: Some(5),
///     ..SocketOptions::new()
/// };
/// assert_eq!(literal, OPTIONS);
/// assert_eq!(OPTIONS.check(), Ok(()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
    /// What is set of an option; of `SO_KEEPALIVE`, 1 is on.
    #[must_use]
    pub fn get(&self, option: SocketOption) -> Option<u32> {
        match option {
            SocketOption::Keepalive => self.keepalive.map(u32::from),
            SocketOption::Keepintvl => self.keepintvl_s,
            SocketOption::Keepcnt => self.keepcnt,
            SocketOption::UserTimeout => self.user_timeout_ms,
            SocketOption::RtoMax => self.rto_max_ms,
            SocketOption::Syncnt => self.syncnt,
            SocketOption::Keepidle => self.keepidle_s,
        }
    }

    /// Sets an option, in place of another value of the same.
    pub fn put(&mut self, setting: Setting) {
        let value = Some(setting.value);
        match setting.option {
            SocketOption::Keepalive => self.keepalive = value.map(|on| on != 0),
            SocketOption::Keepintvl => self.keepintvl_s = value,
            SocketOption::Keepcnt => self.keepcnt = value,
            SocketOption::UserTimeout => self.user_timeout_ms = value,
            SocketOption::RtoMax => self.rto_max_ms = value,
            SocketOption::Syncnt => self.syncnt = value,
            SocketOption::Keepidle => self.keepidle_s = value,
        }
    }

    /// What is set, in the [order to set it](SocketOption::IN_ORDER_TO_SET).
    pub fn settings(&self) -> impl Iterator<Item = Setting> + use<> {
        let options = *self;
        let all = SocketOption::IN_ORDER_TO_SET.into_iter();
        all.filter_map(move |option| Some(Setting::new(option, options.get(option)?)))
    }

    /// What would be in force on a fresh socket with these options in a namespace with these
    /// sysctls.
    #[must_use]
    pub fn resolve(&self, sysctls: &Sysctls) -> Effective {
        Effective::untouched(sysctls).with(self)
    }

    /// Checks every value that is set against the range the kernel takes.
    ///
    /// # Errors
    /// The first option outside its range, with the range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let refused = self.settings().find(|Setting { option, value }| {
            let facts = option.facts();
            !(facts.min..=facts.max).contains(value)
        });
        refused.map_or(Ok(()), |Setting { option, value }| {
            Err(OutOfRange::new(option, Asked::Number(value.into())))
        })
    }
}

impl FromIterator<Setting> for SocketOptions {
    fn from_iter<I: IntoIterator<Item = Setting>>(settings: I) -> Self {
        let mut options = Self::new();
        for setting in settings {
            options.put(setting);
        }
        options
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
        Self {
            keepalive: false,
            keepidle_s: sysctls.keepalive_time_s,
            keepintvl_s: sysctls.keepalive_intvl_s,
            keepcnt: sysctls.keepalive_probes,
            user_timeout_ms: None,
            rto_max_ms: sysctls.rto_max_ms,
            syncnt: None,
            thin_linear_timeouts: false,
        }
    }

    /// The value in force of an option; `None` where the socket does not have it. Without a user
    /// timeout, 0.
    #[must_use]
    pub fn get(&self, option: SocketOption) -> Option<u32> {
        match option {
            SocketOption::Keepalive => Some(self.keepalive.into()),
            SocketOption::Keepintvl => Some(self.keepintvl_s),
            SocketOption::Keepcnt => Some(self.keepcnt),
            SocketOption::UserTimeout => Some(self.user_timeout_ms.unwrap_or(0)),
            SocketOption::RtoMax => self.rto_max_ms,
            SocketOption::Syncnt => self.syncnt,
            SocketOption::Keepidle => Some(self.keepidle_s),
        }
    }

    /// The same option with the value in force; `None` where the socket does not have it.
    #[must_use]
    pub fn held(&self, option: SocketOption) -> Option<Setting> {
        Some(Setting::new(option, self.get(option)?))
    }

    /// The same once an option is set.
    pub fn put(&mut self, Setting { option, value }: Setting) {
        match option {
            SocketOption::Keepalive => self.keepalive = value != 0,
            SocketOption::Keepintvl => self.keepintvl_s = value,
            SocketOption::Keepcnt => self.keepcnt = value,
            SocketOption::UserTimeout => self.user_timeout_ms = (value > 0).then_some(value),
            SocketOption::RtoMax => self.rto_max_ms = Some(value),
            SocketOption::Syncnt => self.syncnt = Some(value),
            SocketOption::Keepidle => self.keepidle_s = value,
        }
    }

    /// What is in force once `options` are set.
    #[must_use]
    pub fn with(mut self, options: &SocketOptions) -> Self {
        options.settings().for_each(|setting| self.put(setting));
        self
    }

    /// Of the options that are set in `those`, the values in force here: what leads back.
    #[must_use]
    pub fn of_those(&self, those: &SocketOptions) -> SocketOptions {
        let held = |set: Setting| self.held(set.option);
        those.settings().filter_map(held).collect()
    }
}
