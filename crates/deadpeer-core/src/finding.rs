//! Settings that fight themselves, each other or the path.

use std::fmt;
use std::time::Duration;

use crate::forecast::{Forecast, Snapshot, Timer};
use crate::options::Effective;

/// Something about a connection's settings that its owner surely did not mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finding {
    /// The user timeout ends the connection after a single unanswered probe (RFC 1122, section 4.2.3.6, forbids that).
    OneLostProbeKills {
        /// The user timeout, milliseconds.
        user_timeout_ms: u32,
    },
    /// `TCP_KEEPCNT` plays no part: while a user timeout is set, it alone decides (tcp(7)).
    KeepcntIgnored {
        /// The count that is ignored.
        keepcnt: u32,
        /// The unanswered probes that it takes instead, at least.
        probes: u32,
    },
    /// A middlebox forgets the idle connection before keepalive speaks.
    MiddleboxForgets {
        /// Seconds of silence before the first probe, or `None` where keepalive is off.
        keepidle_s: Option<u32>,
        /// The middlebox's limit.
        limit: Duration,
    },
    /// Accepted before the listener got its present settings: they are copied when the handshake completes.
    NotInherited,
    /// The armed keepalive timer runs longer than the setting now in force: a sysctl was changed after it was armed.
    ArmedTimerDiffers {
        /// What is left of the armed wait.
        left: Duration,
        /// The longest wait the setting allows, seconds.
        setting_s: u32,
    },
}

impl Finding {
    /// The kernel's or deadpeer's word for it, for JSON and for searching.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OneLostProbeKills { .. } => "one-lost-probe-kills",
            Self::KeepcntIgnored { .. } => "keepcnt-ignored",
            Self::MiddleboxForgets { .. } => "middlebox-forgets",
            Self::NotInherited => "not-inherited",
            Self::ArmedTimerDiffers { .. } => "armed-timer-differs",
        }
    }

    /// What the settings alone show.
    pub fn of_settings(
        options: &Effective,
        forecast: &Forecast,
    ) -> impl Iterator<Item = Self> + use<> {
        let with_user_timeout = options
            .user_timeout_ms
            .filter(|_| options.keepalive)
            .zip(forecast.lost_probes_survived);
        let keepcnt = options.keepcnt;
        let lost_probe = with_user_timeout.and_then(|(user_timeout_ms, survived)| {
            (survived == 0).then_some(Self::OneLostProbeKills { user_timeout_ms })
        });
        let ignored = with_user_timeout.and_then(|(_, survived)| {
            let probes = survived.saturating_add(1);
            (probes != keepcnt).then_some(Self::KeepcntIgnored { keepcnt, probes })
        });
        lost_probe.into_iter().chain(ignored)
    }

    /// Whether a middlebox with this idle limit would forget the connection.
    #[must_use]
    pub fn of_middlebox(options: &Effective, limit: Duration) -> Option<Self> {
        let keepidle_s = options.keepalive.then_some(options.keepidle_s);
        let speaks_in_time = keepidle_s.is_some_and(|s| Duration::from_secs(u64::from(s)) < limit);
        (!speaks_in_time).then_some(Self::MiddleboxForgets { keepidle_s, limit })
    }

    /// Whether the armed timer contradicts the settings.
    ///
    /// Only a wait longer than the settings allow proves it: a shorter one may be the rest of a longer silence.
    #[must_use]
    pub fn of_armed_timer(options: &Effective, snapshot: &Snapshot) -> Option<Self> {
        let armed = snapshot
            .armed
            .filter(|armed| armed.timer == Timer::Keepalive && !snapshot.orphan)?;
        let setting_s = if snapshot.probes_out > 0 {
            options.keepintvl_s
        } else {
            // After an answered probe the interval runs on.
            options.keepidle_s.max(options.keepintvl_s)
        };
        // A tick of the slowest clock for what the kernel rounds.
        let longest = Duration::from_secs(u64::from(setting_s)) + Duration::from_millis(10);
        (options.keepalive && armed.expires_in > longest).then_some(Self::ArmedTimerDiffers {
            left: armed.expires_in,
            setting_s,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneLostProbeKills { user_timeout_ms } => write!(
                f,
                "user timeout {} s makes one lost probe fatal",
                Duration::from_millis(u64::from(*user_timeout_ms)).as_secs_f64()
            ),
            Self::KeepcntIgnored { keepcnt, probes } => write!(
                f,
                "keepcnt {keepcnt} is ignored: the user timeout ends it after {probes} unanswered probe{}",
                if *probes == 1 { "" } else { "s" }
            ),
            Self::MiddleboxForgets {
                keepidle_s: Some(idle),
                limit,
            } => write!(
                f,
                "first probe after {idle} s, the middlebox forgets after {} s",
                limit.as_secs_f64()
            ),
            Self::MiddleboxForgets {
                keepidle_s: None,
                limit,
            } => write!(
                f,
                "no keepalive, the middlebox forgets after {} s",
                limit.as_secs_f64()
            ),
            Self::NotInherited => {
                f.write_str("accepted before its listener got its present settings")
            }
            Self::ArmedTimerDiffers { left, setting_s } => write!(
                f,
                "the armed timer has {:.0} s left, the setting is {setting_s} s",
                left.as_secs_f64()
            ),
        }
    }
}
