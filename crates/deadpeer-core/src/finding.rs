//! Settings that fight themselves, each other or the path.

use std::fmt;
use std::time::Duration;

use crate::forecast::{AfterClose, Forecast, Snapshot, Timer};
use crate::options::Effective;

/// An outage that what was written just before close() should survive: what a failover or a
/// rebooting router takes. With the kernel's defaults one of 45 s is survived.
const ORDINARY_OUTAGE: Duration = Duration::from_secs(10);
/// How long a closed connection may stay in the kernel: its memory is nobody's, and
/// `tcp_max_orphans` of them are all there can be.
const LONG_AFTER_CLOSE: Duration = Duration::from_secs(600);

/// Something about a connection's settings that its owner surely did not mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finding {
    /// The user timeout ends the connection after a single unanswered probe (RFC 1122, section
    /// 4.2.3.6, forbids that).
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
    /// Accepted before the listener got its present settings: they are copied when the handshake
    /// completes.
    NotInherited,
    /// The armed keepalive timer runs longer than the setting now in force: a sysctl was changed
    /// after it was armed.
    ArmedTimerDiffers {
        /// What is left of the armed wait.
        left: Duration,
        /// The longest wait the setting allows, seconds.
        setting_s: u32,
    },
    /// What the program writes just before close() may be lost in an outage of less than ten
    /// seconds: a small `TCP_RTO_MAX_MS`, user timeout or `tcp_orphan_retries` makes the kernel
    /// give up a closed connection so soon.
    LosesAtClose {
        /// The outage that is survived.
        outage_survived: Duration,
    },
    /// A closed connection whose peer is gone stays in the kernel for more than ten minutes: mostly
    /// for a long user timeout, which counts after close() too (net/ipv4/tcp_timer.c,
    /// `tcp_write_timeout`).
    StaysAfterClose {
        /// For so long at most.
        kept: Duration,
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
            Self::LosesAtClose { .. } => "loses-at-close",
            Self::StaysAfterClose { .. } => "stays-after-close",
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

    /// What becomes of the connection once its program has closed it.
    pub fn of_close(told: &AfterClose) -> impl Iterator<Item = Self> + use<> {
        let &AfterClose {
            outage_survived,
            kept,
            ..
        } = told;
        let loses =
            (outage_survived < ORDINARY_OUTAGE).then_some(Self::LosesAtClose { outage_survived });
        let stays = (kept > LONG_AFTER_CLOSE).then_some(Self::StaysAfterClose { kept });
        loses.into_iter().chain(stays)
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
    /// Only a wait longer than the settings allow proves it: a shorter one may be the rest of a
    /// longer silence.
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
            Self::LosesAtClose { outage_survived } => write!(
                f,
                "what is written just before close() may be lost in an outage of more than {} s",
                tenths(outage_survived.as_secs_f64())
            ),
            Self::StaysAfterClose { kept } => write!(
                f,
                "closed with its peer gone it stays in the kernel for {}",
                Long(*kept)
            ),
        }
    }
}

/// Rounded down to tenths.
fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).floor() / 10.0
}

/// A time of more than ten minutes, in its largest unit, rounded up to a tenth of it.
struct Long(Duration);

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs_f64() / 60.0;
        let (amount, unit) = match minutes {
            ..120.0 => (minutes, "minutes"),
            ..2_880.0 => (minutes / 60.0, "hours"),
            _ => (minutes / 1_440.0, "days"),
        };
        write!(f, "{} {unit} at most", (amount * 10.0).ceil() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kernel, SocketOptions};

    fn at_close(options: &SocketOptions, kernel: &Kernel) -> Vec<String> {
        let options = options.resolve(&kernel.sysctls);
        let told = Forecast::promised(&options, Duration::from_secs(1), kernel);
        Finding::of_close(&told.after_close)
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn untouched_sockets_lose_nothing_and_go() {
        for mut kernel in [Kernel::modern(None), Kernel::before_rto_max(Some(250))] {
            kernel.hz = None;
            let options = SocketOptions::default();
            assert_eq!(at_close(&options, &kernel), [""; 0]);
            let untouched = options.resolve(&kernel.sysctls);
            let told = Forecast::promised(&untouched, Duration::from_secs(1), &kernel);
            assert!(told.after_close.outage_survived > Duration::from_secs(45));
        }
    }

    #[test]
    fn a_small_rto_max_loses_what_was_written_last() {
        let capped = |ms| SocketOptions {
            rto_max_ms: Some(ms),
            ..SocketOptions::default()
        };
        assert_eq!(
            at_close(&capped(1_000), &Kernel::modern(Some(1000))),
            ["what is written just before close() may be lost in an outage of more than 0.5 s"]
        );
        assert_eq!(
            at_close(&capped(20_000), &Kernel::modern(Some(1000))),
            [""; 0]
        );
    }

    #[test]
    fn a_sysctl_loses_it_for_everybody() {
        let mut kernel = Kernel::modern(Some(1000));
        kernel.sysctls.orphan_retries = 1;
        let findings = at_close(&SocketOptions::default(), &kernel);
        assert!(
            findings[0].contains("may be lost in an outage"),
            "{findings:?}"
        );
    }

    #[test]
    fn a_user_timeout_of_days_keeps_orphans_for_days() {
        let limited = |ms| SocketOptions {
            user_timeout_ms: Some(ms),
            ..SocketOptions::default()
        };
        assert_eq!(
            at_close(&limited(1 << 30), &Kernel::modern(Some(1000))),
            ["closed with its peer gone it stays in the kernel for 12.5 days at most"]
        );
        let findings = at_close(&limited(5 * 3_600_000), &Kernel::modern(Some(1000)));
        assert!(findings[0].contains("hours at most"), "{findings:?}");
    }
}
