//! Findings in words.

use std::fmt;
use std::time::Duration;

use super::Finding;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneLostProbeKills {
                user_timeout_ms: Some(ms),
            } => write!(
                f,
                "user timeout {} s makes one lost probe fatal",
                Duration::from_millis(u64::from(*ms)).as_secs_f64()
            ),
            Self::OneLostProbeKills {
                user_timeout_ms: None,
            } => f.write_str("keepcnt 1 makes one lost probe fatal"),
            Self::TooFewLostSurvived { survived, wanted } => write!(
                f,
                "a live peer survives {survived} lost probe{} in a row, not {wanted}",
                plural(*survived)
            ),
            Self::Supervised => f.write_str(
                "supervised by its program (deadpeer): the kernel asks, the program decides",
            ),
            Self::KeepcntIgnored { keepcnt, probes } => write!(
                f,
                "keepcnt {keepcnt} is ignored: the user timeout ends it after {probes} unanswered probe{}",
                plural(*probes)
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
            Self::EndsLater { earliest } => write!(
                f,
                "a wait that was armed before ends it in {:.0} s at the earliest, whatever the settings promise",
                earliest.as_secs_f64()
            ),
            Self::WaitsForFin => f.write_str(
                "waits for the peer's FIN with its descriptor open: tcp_fin_timeout does not count, only keepalive ends it",
            ),
            Self::NotClosed { since } => write!(
                f,
                "the peer closed at least {:.0} s ago, the program has not",
                since.as_secs_f64().floor()
            ),
            Self::AcceptQueueFull { waiting, allowed } => write!(
                f,
                "{waiting} of {allowed} wait to be accepted: new connections get no answer"
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

fn plural(n: u32) -> &'static str {
    if n == 1 { "" } else { "s" }
}
