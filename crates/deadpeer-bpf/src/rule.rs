//! What connections of a cgroup are to hold, whatever their programs set.

use std::time::Duration;

use deadpeer_core::{Effective, SocketOptions};

use crate::records::{self, Memory, Options};

/// What the connections of a cgroup are held to: when connect(2) begins, when a connection is
/// accepted, and each time their program sets `SO_KEEPALIVE`, `TCP_KEEPIDLE`, `TCP_KEEPINTVL`,
/// `TCP_KEEPCNT`, `TCP_USER_TIMEOUT`, `TCP_RTO_MAX_MS` or `TCP_SYNCNT` on them.
///
/// What the program asked for is remembered with the socket, and after each call that is in force
/// which keeps the deadline and survives [`survive`](Self::survive) lost probes:
///
/// - *Keepalive* stays as the program has it if that does both. Where it is later, the rule's own
///   is in force as a whole; where it is sooner and survives too little, one that gives up as soon
///   and survives. `SO_KEEPALIVE` stays on.
/// - *A user timeout* of the program's stays up to that of [`dropping`](Self::dropping), and
///   keepalive is fitted under it: one that a single lost probe reaches would kill live peers.
/// - `TCP_RTO_MAX_MS` and `TCP_SYNCNT` stay where they are smaller.
///
/// The program sees every call succeed, and getsockopt(2) shows what is in force. A program that
/// wants to give up before `survive + 1` probes, a second apart, can have gone unanswered gets that
/// time: 3.5 s for two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Where the program has set no user timeout.
    pub calm: Way,
    /// Where it has: with the longest user timeout that keeps the deadline.
    pub dropping: Way,
    /// What holds where nobody set anything, by the sysctls: what a program asks for that only
    /// switches keepalive on.
    pub untouched: Keepalive,
    /// The lost probes that must be survivable.
    pub survive: u32,
    /// Whether whatever the application sets itself stays, however long it takes. What is added to
    /// it still ends no connection for one lost probe.
    pub keep_app_settings: bool,
}

/// Whose sockets a rule is for, of those in a cgroup and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Everybody,
    /// Those that were adopted, and what they accept.
    Adopted,
}

/// Keepalive's three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// `TCP_KEEPIDLE` or `tcp_keepalive_time`, seconds.
    pub keepidle_s: u32,
    /// `TCP_KEEPINTVL` or `tcp_keepalive_intvl`, seconds.
    pub keepintvl_s: u32,
    /// `TCP_KEEPCNT` or `tcp_keepalive_probes`.
    pub keepcnt: u32,
}

impl From<&Effective> for Keepalive {
    fn from(settings: &Effective) -> Self {
        Self {
            keepidle_s: settings.keepidle_s,
            keepintvl_s: settings.keepintvl_s,
            keepcnt: settings.keepcnt,
        }
    }
}

/// Options that keep a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The options to set. `None` leaves an option alone.
    pub options: SocketOptions,
    /// How long the application's own keepalive may take next to their bound on data in flight.
    pub idle_within: Duration,
}

impl Way {
    /// Both.
    #[must_use]
    pub fn new(options: SocketOptions, idle_within: Duration) -> Self {
        Self {
            options,
            idle_within,
        }
    }

    /// The same with a user timeout, as long as `options` says or as fits, and an idle time that
    /// lets `survive` probes go unanswered before it. `None` if no user timeout fits.
    #[must_use]
    pub fn with_user_timeout(self, survive: u32) -> Option<Self> {
        let ms = |s: Option<u32>| s.map(|s| u64::from(s) * 1000);
        let interval = late_ms(ms(self.options.keepintvl_s)?);
        let longest = self.idle_within.as_millis() as u64;
        let longest = longest.checked_sub(interval)?;
        let user_timeout = longest.min(self.options.user_timeout_ms?.into());
        let burst = interval * u64::from(survive);
        let idle_s = in_time_ms(user_timeout.checked_sub(burst)?) / 1000;
        let mut way = self;
        way.options.user_timeout_ms = u32::try_from(user_timeout).ok();
        way.options.keepidle_s = way.options.keepidle_s.min(u32::try_from(idle_s).ok());
        (idle_s > 0).then_some(way)
    }
}

/// When a timer armed for this time has fired at the latest, and the inverse: programs/wish.h has
/// both.
fn late_ms(ms: u64) -> u64 {
    ms + ms / 7 + 20
}

fn in_time_ms(ms: u64) -> u64 {
    (ms.saturating_sub(20) * 7).div_ceil(8)
}

impl Rule {
    /// A rule with these ways that survives as many lost probes.
    #[must_use]
    pub fn new(calm: Way, dropping: Way, untouched: Keepalive, survive: u32) -> Self {
        Self {
            calm,
            dropping,
            untouched,
            survive,
            keep_app_settings: false,
        }
    }

    pub(crate) fn write(&self, whom: Whom) -> Memory {
        Memory {
            rule: records::Rule {
                calm: self.calm.write(),
                dropping: self.dropping.write(),
                defaults: records::Defaults {
                    keepidle: self.untouched.keepidle_s,
                    keepintvl: self.untouched.keepintvl_s,
                    keepcnt: self.untouched.keepcnt,
                    unused: 0,
                },
                survive: self.survive,
                keep_app_settings: u32::from(self.keep_app_settings),
                adopted_alone: u32::from(whom == Whom::Adopted),
                unused: 0,
            },
            protected: 0,
            spared: 0,
            refused: 0,
            overruled: 0,
        }
    }

    pub(crate) fn read(rule: &records::Rule) -> Self {
        Self {
            calm: Way::read(&rule.calm),
            dropping: Way::read(&rule.dropping),
            untouched: Keepalive {
                keepidle_s: rule.defaults.keepidle,
                keepintvl_s: rule.defaults.keepintvl,
                keepcnt: rule.defaults.keepcnt,
            },
            survive: rule.survive,
            keep_app_settings: rule.keep_app_settings != 0,
        }
    }
}

impl Way {
    fn write(&self) -> records::Way {
        records::Way {
            set: Options::to_set(&self.options),
            idle_within: u32::try_from(self.idle_within.as_millis()).unwrap_or(u32::MAX),
        }
    }

    fn read(way: &records::Way) -> Self {
        Self {
            options: way.set.as_set(),
            idle_within: Duration::from_millis(u64::from(way.idle_within)),
        }
    }
}

/// What a protection has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Ends of connections on which something was set.
    pub protected: u64,
    /// Ends whose own values met the rule.
    pub spared: u64,
    /// Ends, and calls of programs, on which the kernel refused an option.
    pub refused: u64,
    /// Calls of programs that asked for what the rule does not allow.
    pub overruled: u64,
}

impl Counts {
    pub(crate) fn read(memory: &Memory) -> Self {
        Self {
            protected: memory.protected,
            spared: memory.spared,
            refused: memory.refused,
            overruled: memory.overruled,
        }
    }
}
