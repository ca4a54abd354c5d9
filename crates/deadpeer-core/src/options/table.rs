//! The one list of the options: their names, numbers, units and ranges. Whoever goes through all of
//! them takes it from here.

use super::{
    MAX_KEEPALIVE_S, MAX_KEEPCNT, MAX_RTO_MAX_MS, MAX_SYNCNT, MAX_USER_TIMEOUT_MS, MIN_RTO_MAX_MS,
};

/// A socket option that decides when a connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketOption {
    /// `SO_KEEPALIVE`: 1 is on, 0 is off.
    Keepalive,
    /// `TCP_KEEPIDLE`.
    Keepidle,
    /// `TCP_KEEPINTVL`.
    Keepintvl,
    /// `TCP_KEEPCNT`.
    Keepcnt,
    /// `TCP_USER_TIMEOUT`; 0 is none.
    UserTimeout,
    /// `TCP_RTO_MAX_MS`.
    RtoMax,
    /// `TCP_SYNCNT`.
    Syncnt,
}

/// What is known of an option, whoever's socket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionFacts {
    /// The kernel's name.
    pub name: &'static str,
    /// The name in what is published: in lower case, with the unit.
    pub field: &'static str,
    /// The name of the level that setsockopt(2) takes.
    pub level: &'static str,
    /// The number of the level.
    pub level_number: i32,
    /// The number within the level (include/uapi/linux/tcp.h, include/uapi/asm-generic/socket.h).
    pub number: i32,
    /// What the value counts.
    pub unit: &'static str,
    /// The same, of what.
    pub counts: &'static str,
    /// The smallest value the kernel takes.
    pub min: u32,
    /// The largest value the kernel takes.
    pub max: u32,
    /// The Linux release it came with; `None`: it was there before 2.6.
    pub since: Option<&'static str>,
    /// Whether it counts on a connection because its listener had it when the handshake ended.
    pub inherited: bool,
    /// Whether a Multipath TCP socket takes it (net/mptcp/sockopt.c).
    pub on_mptcp: bool,
}

/// An option with a value, in the unit of its kernel name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Setting {
    /// Which option.
    pub option: SocketOption,
    /// Its value; of a switch, 1 is on.
    pub value: u32,
}

impl Setting {
    /// The option with this value. Nothing is checked: see
    /// [`SocketOptions::check`](super::SocketOptions::check).
    #[must_use]
    pub const fn new(option: SocketOption, value: u32) -> Self {
        Self { option, value }
    }

    /// Whether a socket that was given this and holds `held` still has what it was given: the
    /// kernel rounds `TCP_RTO_MAX_MS` up to whole ticks of its clock, which are 10 ms at most.
    #[must_use]
    pub fn is_held_as(self, held: Self) -> bool {
        let rounded = 9 * u32::from(self.option == SocketOption::RtoMax);
        let values = self.value..=self.value.saturating_add(rounded);
        self.option == held.option && values.contains(&held.value)
    }

    /// The kernel's name of the option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.option.facts().name
    }
}

impl SocketOption {
    /// Every option.
    pub const ALL: [Self; 7] = [
        Self::Keepalive,
        Self::Keepidle,
        Self::Keepintvl,
        Self::Keepcnt,
        Self::UserTimeout,
        Self::RtoMax,
        Self::Syncnt,
    ];

    /// The same in the order in which a live connection takes them best.
    ///
    /// `SO_KEEPALIVE` comes first: switching it on starts the wait afresh (net/ipv4/tcp_timer.c,
    /// `tcp_set_keepalive`). `TCP_KEEPIDLE` comes last: on a connection whose keepalive is on it
    /// arms the timer anew and counts the silence that has already passed (net/ipv4/tcp.c,
    /// `tcp_sock_set_keepidle_locked`), so if the first probe is due at once, it goes out with all
    /// other values in place.
    pub const IN_ORDER_TO_SET: [Self; 7] = [
        Self::Keepalive,
        Self::Keepintvl,
        Self::Keepcnt,
        Self::UserTimeout,
        Self::RtoMax,
        Self::Syncnt,
        Self::Keepidle,
    ];

    /// What is known of it.
    #[must_use]
    pub const fn facts(self) -> &'static OptionFacts {
        &FACTS[self as usize]
    }

    /// The option that a level and a number of setsockopt(2) stand for.
    #[must_use]
    pub fn numbered(level: i32, number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|option| {
            let facts = option.facts();
            (facts.level_number, facts.number) == (level, number)
        })
    }

    /// Whether it is the switch of keepalive, or counts only while that is on.
    #[must_use]
    pub const fn is_keepalive(self) -> bool {
        matches!(
            self,
            Self::Keepalive | Self::Keepidle | Self::Keepintvl | Self::Keepcnt
        )
    }

    /// Whether it follows a sysctl until it is set: a time or a count of keepalive.
    #[must_use]
    pub const fn may_follow_sysctl(self) -> bool {
        matches!(self, Self::Keepidle | Self::Keepintvl | Self::Keepcnt)
    }
}

/// A plain option of IPPROTO_TCP, for the table.
const TCP: OptionFacts = OptionFacts {
    name: "",
    field: "",
    level: "IPPROTO_TCP",
    level_number: 6,
    number: 0,
    unit: "",
    counts: "",
    min: 1,
    max: 0,
    since: None,
    inherited: true,
    on_mptcp: true,
};

/// By the number of the variant.
const FACTS: [OptionFacts; SocketOption::ALL.len()] = [
    OptionFacts {
        name: "SO_KEEPALIVE",
        field: "so_keepalive",
        level: "SOL_SOCKET",
        level_number: 1,
        number: 9,
        unit: "switch",
        counts: "on or off",
        min: 0,
        max: 1,
        ..TCP
    },
    OptionFacts {
        name: "TCP_KEEPIDLE",
        field: "tcp_keepidle_s",
        number: 4,
        unit: "seconds",
        counts: "seconds of silence before the first probe",
        max: MAX_KEEPALIVE_S as u32,
        ..TCP
    },
    OptionFacts {
        name: "TCP_KEEPINTVL",
        field: "tcp_keepintvl_s",
        number: 5,
        unit: "seconds",
        counts: "seconds between probes",
        max: MAX_KEEPALIVE_S as u32,
        ..TCP
    },
    OptionFacts {
        name: "TCP_KEEPCNT",
        field: "tcp_keepcnt",
        number: 6,
        unit: "probes",
        counts: "unanswered probes",
        max: MAX_KEEPCNT as u32,
        ..TCP
    },
    OptionFacts {
        name: "TCP_USER_TIMEOUT",
        field: "tcp_user_timeout_ms",
        number: 18,
        unit: "milliseconds",
        counts: "milliseconds",
        min: 0,
        max: MAX_USER_TIMEOUT_MS,
        since: Some("2.6.37"),
        on_mptcp: false,
        ..TCP
    },
    OptionFacts {
        name: "TCP_RTO_MAX_MS",
        field: "tcp_rto_max_ms",
        number: 44,
        unit: "milliseconds",
        counts: "milliseconds, Linux 6.15",
        min: MIN_RTO_MAX_MS,
        max: MAX_RTO_MAX_MS,
        since: Some("6.15"),
        on_mptcp: false,
        ..TCP
    },
    OptionFacts {
        name: "TCP_SYNCNT",
        field: "tcp_syncnt",
        number: 7,
        unit: "retries",
        counts: "SYNs sent again",
        max: MAX_SYNCNT as u32,
        inherited: false,
        on_mptcp: false,
        ..TCP
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sysctls;
    use crate::options::{Effective, SocketOptions};

    #[test]
    fn each_row_is_about_its_option() {
        for (index, option) in SocketOption::ALL.into_iter().enumerate() {
            let facts = option.facts();
            assert_eq!(option as usize, index);
            let named = facts.name.to_lowercase();
            let variant = format!("{option:?}").to_lowercase();
            assert!(
                named.replace('_', "").contains(&variant),
                "{named} {variant}"
            );
            assert!(facts.field.starts_with(named.trim_end_matches("_ms")));
            let found = SocketOption::numbered(facts.level_number, facts.number);
            assert_eq!(found, Some(option));
        }
        assert_eq!(SocketOption::numbered(6, 1), None);
    }

    #[test]
    fn what_is_put_is_what_is_got() {
        for (option, value) in SocketOption::ALL.into_iter().zip([1, 2, 3, 4, 5, 6, 7]) {
            let setting = Setting { option, value };
            let options: SocketOptions = [setting].into_iter().collect();
            assert_eq!(options.settings().collect::<Vec<_>>(), [setting]);
            let effective = Effective::untouched(&Sysctls::DEFAULT).with(&options);
            assert_eq!(effective.get(option), Some(value));
            assert_eq!(effective.of_those(&options), options);
        }
    }

    #[test]
    fn every_option_has_its_place_among_those_to_set() {
        let place = |option: &SocketOption| *option as usize;
        let mut places = SocketOption::IN_ORDER_TO_SET.map(|option| place(&option));
        assert_eq!((places[0], places[6]), (0, place(&SocketOption::Keepidle)));
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    }
}
