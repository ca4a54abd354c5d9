//! What is said in words.

use std::fmt;

use deadpeer_core::{Effective, Forecast, Notice, Silence};
use deadpeer_report::duration::{self, Lower, Upper};

use super::ending::{By, Ending};
use super::method::{Eyes, Method};
use super::seen::Seen;
use super::standing::Standing;
use crate::audit::words::SettingsWords;

/// The settings in force and what they promise.
pub(super) fn promise(method: &Method, settings: &Effective, forecast: &Forecast) -> Vec<String> {
    let worst = |silence: Silence| match forecast.outlook(silence).worst {
        Notice::Within(span) => Upper(span.latest).to_string(),
        Notice::Never => "never".into(),
    };
    let kernel = format!(
        "the kernel notices that the peer vanished: idle {}, in flight {}, late write {}, closed window {}",
        worst(Silence::Idle),
        worst(Silence::InFlight),
        worst(Silence::LateWrite),
        worst(Silence::ZeroWindow),
    );
    let mut lines = vec![SettingsWords(settings).to_string(), kernel];
    if let Eyes::Supervised(_) = method.eyes {
        let within = duration::typed(method.within);
        lines.push(match &method.reservation {
            None => format!("deadpeer notices it within {within} in each of these states"),
            Some(reservation) => format!("deadpeer: {reservation}"),
        });
    }
    lines
}

/// Who noticed what, when, and why.
pub(super) fn ended(line: Standing, method: &Method, ending: &Ending) -> Vec<String> {
    let end = match (ending.by, ending.is_loss()) {
        (By::Us, _) => "closed by this end",
        (_, true) => "LOST",
        (_, false) => "closed in order",
    };
    let silent = ending.silent.map_or_else(String::new, |silent| {
        format!(", {} after it was last heard", Upper(silent))
    });
    let mut lines = vec![format!(
        "{end} after {}: {} bytes received, {} sent",
        Upper(line.age),
        line.received,
        line.sent
    )];
    if ending.by != By::Us {
        lines.push(format!("  who: {}{}", ending.by, unanswered(ending)));
    }
    lines.push(format!(
        "  what: method {} was shown {}{silent}",
        method.name(),
        ending.sign
    ));
    let errno = ending
        .errno
        .as_ref()
        .map_or_else(String::new, |errno| format!(" ({errno})"));
    lines.push(format!("  why: {}{errno}", ending.why()));
    let bits = match ending.shown.bits.as_str() {
        "" => "nothing",
        bits => bits,
    };
    lines.push(format!(
        "  at that moment TCP_INFO showed {}, poll {bits}",
        ending.shown.state.unwrap_or("no state")
    ));
    lines
}

fn unanswered(ending: &Ending) -> String {
    match ending.unanswered {
        0 => String::new(),
        1 => ", 1 question unanswered".into(),
        count => format!(", {count} questions in a row unanswered"),
    }
}

/// "2 keepalive probes unanswered, silent for 3.1 s".
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Received { bytes } => write!(f, "received {bytes} bytes"),
            Self::Answered => f.write_str("heard: an answer without data"),
            Self::Unanswered {
                what,
                count,
                silent,
            } => write!(
                f,
                "{} unanswered, silent for {}",
                what.counted(count),
                Lower(silent)
            ),
            Self::HeardAgain { unanswered, silent } => write!(
                f,
                "heard again after {} of silence and {unanswered} unanswered",
                Lower(silent)
            ),
            Self::Silent {
                silent,
                unanswered: 0,
            } => write!(
                f,
                "silent for {}, and nobody asked: a dead peer and a live one look the same",
                Lower(silent)
            ),
            Self::Silent { silent, unanswered } => {
                write!(f, "silent for {}, {unanswered} unanswered", Lower(silent))
            }
            Self::WindowClosed { waiting } => write!(
                f,
                "the peer's window is closed, {waiting} bytes wait: its program does not read"
            ),
            Self::WindowOpen { after } => {
                write!(f, "the peer's window is open again after {}", Lower(after))
            }
            Self::Agreed { deadline } => write!(
                f,
                "heartbeats: {} without a byte is the end",
                Upper(deadline)
            ),
            Self::Fin => f.write_str("FIN: the peer sends nothing more"),
            Self::ShutDown => f.write_str("our sending half is shut down"),
        }
    }
}
