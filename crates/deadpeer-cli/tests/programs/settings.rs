//! The options that a configuration asks for, and what follows from them by the man page's
//! arithmetic.

use serde::Deserialize;

/// The options that matter for a vanished peer, by the kernel's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Settings {
    pub(crate) so_keepalive: bool,
    pub(crate) tcp_keepidle_s: u32,
    pub(crate) tcp_keepintvl_s: u32,
    pub(crate) tcp_keepcnt: u32,
    pub(crate) tcp_user_timeout_ms: u32,
}

impl Settings {
    /// What a socket has that nobody set anything on (tcp(7)).
    pub(crate) const UNTOUCHED: Self = Self {
        so_keepalive: false,
        tcp_keepidle_s: 7200,
        tcp_keepintvl_s: 75,
        tcp_keepcnt: 9,
        tcp_user_timeout_ms: 0,
    };

    /// Keepalive with these values.
    pub(crate) const fn keepalive(idle_s: u32, intvl_s: u32, cnt: u32) -> Self {
        Self {
            so_keepalive: true,
            tcp_keepidle_s: idle_s,
            tcp_keepintvl_s: intvl_s,
            tcp_keepcnt: cnt,
            ..Self::UNTOUCHED
        }
    }

    /// The same with a user timeout.
    pub(crate) const fn user_timeout_ms(self, tcp_user_timeout_ms: u32) -> Self {
        Self {
            tcp_user_timeout_ms,
            ..self
        }
    }

    /// Unanswered probes until the kernel gives up: the count, or as many as the user timeout has
    /// room for.
    fn probes(self) -> u64 {
        match u64::from(self.tcp_user_timeout_ms) {
            0 => self.tcp_keepcnt.into(),
            timeout_ms => {
                let after_idle_ms =
                    timeout_ms.saturating_sub(1000 * u64::from(self.tcp_keepidle_s));
                let intvl_ms = 1000 * u64::from(self.tcp_keepintvl_s);
                after_idle_ms.div_ceil(intvl_ms).max(1)
            }
        }
    }

    /// Milliseconds until an idle connection is given up, were timers exact; `None`: never.
    pub(crate) fn idle_ms(self) -> Option<u64> {
        let seconds =
            u64::from(self.tcp_keepidle_s) + self.probes() * u64::from(self.tcp_keepintvl_s);
        self.so_keepalive.then_some(1000 * seconds)
    }

    /// The earliest that data in flight is given up: the user timeout, or the model of tcp_retries2
    /// at its default of 15 (ip-sysctl).
    pub(crate) fn in_flight_ms(self) -> u64 {
        match self.tcp_user_timeout_ms {
            0 => 924_600,
            timeout_ms => timeout_ms.into(),
        }
    }

    /// How long the wait is that may end past that: `TCP_RTO_MAX`, or none, for the user timeout
    /// shortens the last one.
    pub(crate) fn last_wait_ms(self) -> u64 {
        match self.tcp_user_timeout_ms {
            0 => 120_000,
            _ => 0,
        }
    }

    /// Probes of which every one may be lost but the last; `None`: none are sent.
    pub(crate) fn lost_probes_survived(self) -> Option<u64> {
        self.so_keepalive.then(|| self.probes() - 1)
    }
}

#[test]
fn the_arithmetic_of_the_man_page() {
    assert_eq!(Settings::UNTOUCHED.idle_ms(), None);
    assert_eq!(Settings::keepalive(7200, 75, 9).idle_ms(), Some(7_875_000));
    let timed = Settings::keepalive(5, 2, 3);
    assert_eq!(timed.user_timeout_ms(12_000).idle_ms(), Some(13_000));
    assert_eq!(timed.user_timeout_ms(1000).idle_ms(), Some(7000));
}
