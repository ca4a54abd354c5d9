//! A death as a line, and before the first how deaths are seen.

#![allow(
    clippy::print_stderr,
    reason = "remarks are for people, and stdout is for what was asked for"
)]

use std::fmt;
use std::io::{self, Write};
use std::time::SystemTime;

use anstyle::Style;
use deadpeer_core::close_reason::CloseCause;
use deadpeer_host::Role;
use deadpeer_host::deaths::{Age, Death, Deaths, KnownBy, LastOwner, Means};
use deadpeer_report::duration::Upper;
use deadpeer_report::sanitize::{sanitize, sanitize_bytes};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::audit::words::{In, PlaceWords};
use crate::text::look::{Look, write_styled};
use crate::text::style;

/// Says on stderr how deaths are seen, and what that leaves out.
pub(super) fn begin(deaths: &Deaths, filtered: bool) {
    let how = match deaths.means() {
        Means::Bpf => "Watching by eBPF",
        Means::SockDiag => "Watching by sock_diag",
    };
    let whose = if filtered { ", as filtered" } else { "" };
    eprintln!("{how}{whose}; interrupt to end.");
    for remark in deaths.remarks() {
        eprintln!("{}", sanitize(&remark));
    }
}

/// As `15:04:05.123  keepalive unanswered  redis-server[812]  10.0.0.2:6379 <- 10.0.0.9:51122
/// silent 7.2 s, ...`.
pub(super) fn write(death: &Death, look: Look, out: &mut impl Write) -> io::Result<()> {
    write_styled(out, look, style::FAINT, &time(death.at))?;
    out.write_all(b"  ")?;
    let width = if death.reason.certain { 24 } else { 33 };
    let why = format!("{:<width$}", Why(death).to_string());
    write_styled(out, look, style_of(death.reason.cause), &why)?;
    let workload = death
        .owner
        .as_ref()
        .and_then(|owner| owner.process.workload());
    let place = In(PlaceWords {
        netns: death.netns.as_deref(),
        workload: workload.map(|workload| &**workload),
    });
    let who = format!("{}{place}", Who(death.owner.as_ref()));
    let who = format!("{who:<18}");
    write!(out, "  {who}  {}  ", Ends(death))?;
    writeln!(out, "{}", Story(death))
}

/// Which kinds of death are bad news.
pub(super) fn style_of(cause: CloseCause) -> Style {
    if cause.is_silence() {
        style::BAD
    } else if cause.is_ordinary() {
        style::FAINT
    } else {
        style::NOTE
    }
}

/// The local time of day.
pub(super) fn time(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = at.to_zoned(TimeZone::system());
    local.strftime("%H:%M:%S.%3f").to_string()
}

struct Why<'a>(&'a Death);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = &self.0.reason;
        let likely = match reason.certain || reason.cause == CloseCause::Unknown {
            true => "",
            false => " (likely)",
        };
        write!(f, "{}{likely}", reason.cause)
    }
}

/// The process; without a number where another one of its kind may have had the connection.
struct Who<'a>(Option<&'a LastOwner>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(owner) = self.0 else {
            return f.write_str("?");
        };
        f.write_str(&sanitize_bytes(owner.process.name()))?;
        match owner.known_by {
            KnownBy::Listening => Ok(()),
            KnownBy::Closing | KnownBy::Holding | KnownBy::Connecting | _ => {
                write!(f, "[{}]", owner.process.pid())
            }
        }
    }
}

/// Our end, who called whom, the peer.
struct Ends<'a>(&'a Death);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.0.role {
            Role::Outgoing(_) => "->",
            Role::Listening(_) | Role::Accepted(_) | _ => "<-",
        };
        write!(f, "{} {arrow} {}", self.0.local, self.0.peer)
    }
}

/// Silence, age, bytes, and what decided.
struct Story<'a>(&'a Death);

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let death = self.0;
        let mut parts = Vec::new();
        if let Some(silence) = death.silence {
            parts.push(format!("silent {}", Upper(silence)));
        }
        match death.age {
            Some(Age::Exactly(age)) => parts.push(format!("lived {}", Upper(age))),
            Some(Age::AtLeast(age)) => parts.push(format!("lived > {}", Upper(age))),
            None => {}
        }
        for (bytes, what) in [
            (death.payload_received, "in"),
            (death.payload_acked, "out"),
            (some(death.unread), "unread"),
            (some(death.unacked), "never acknowledged"),
        ] {
            if let Some(bytes) = bytes {
                parts.push(format!("{} {what}", Bytes(bytes)));
            }
        }
        if let Some(destroyer) = &death.destroyer {
            parts.push(format!("by {}", Who(Some(destroyer))));
        }
        f.write_str(&parts.join(", "))?;
        if let Some(limit) = &death.reason.limit {
            write!(f, "; {limit}")?;
        }
        match death.reason.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

fn some(bytes: Option<u32>) -> Option<u64> {
    bytes.filter(|bytes| *bytes > 0).map(u64::from)
}

/// A number of bytes, three digits at most.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 1;
        for name in ["B", "kB", "MB", "GB", "TB"] {
            let whole = self.0 / unit;
            if whole < 1000 || name == "TB" {
                return match whole < 10 && unit > 1 {
                    true => write!(f, "{whole}.{} {name}", self.0 % unit * 10 / unit),
                    false => write!(f, "{whole} {name}"),
                };
            }
            unit *= 1000;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_few_digits() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (64_999, "64 kB"),
            (9_950_000, "9.9 MB"),
            (12_345_678_901, "12 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
    }
}
