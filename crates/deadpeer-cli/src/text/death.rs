//! A death as a line.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use deadpeer_core::close_reason::CloseCause;
use deadpeer_report::duration::Upper;
use deadpeer_report::record::{Death, LastOwner};
use deadpeer_report::sanitize::sanitize;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::bytes::Bytes;
use super::look::{Look, display_width, write_styled};
use super::paragraph::paragraph;
use super::style;

/// As `15:04:05.123  keepalive unanswered  redis-server[812]  10.0.0.2:6379 <- 10.0.0.9:51122
/// silent 7.2 s, ...`, after the time, or the day and the time. `place`: words
/// after the process, of where it ran. What a line has no room for stands below when and why.
pub(crate) fn write(
    death: &Death,
    place: &str,
    when: impl Fn(Timestamp) -> String,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    let at = death.at.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let when = when(at);
    let width = if death.certain { 24 } else { 33 };
    let why = format!("{:<width$}", Why(death).to_string());
    let who = format!("{}{place}", Who(death.owner.as_ref()));
    let rest = format!("{}  {}", Ends(death), Story(death));
    let line = format!("{who:<18}  {rest}");
    write_styled(out, look, style::FAINT, &when)?;
    out.write_all(b"  ")?;
    let used = [&when, &why, &line].map(|text| display_width(text));
    let is_wider = |limit| used.iter().sum::<usize>() + 4 > limit;
    let why_style = style_of(&death.cause);
    if look.width.is_some_and(is_wider) {
        write_styled(out, look, why_style, why.trim_end())?;
        out.write_all(b"\n")?;
        let rest = format!("{who}  {rest}");
        return paragraph(out, look, style::PLAIN, "    ", "    ", &rest);
    }
    write_styled(out, look, why_style, &why)?;
    writeln!(out, "  {line}")
}

/// Which kinds of death are bad news, by the word of the cause.
pub(crate) fn style_of(cause: &str) -> Style {
    match CloseCause::from_word(cause) {
        Some(cause) if cause.is_silence() => style::BAD,
        Some(cause) if cause.is_ordinary() => style::FAINT,
        Some(_) | None => style::NOTE,
    }
}

/// The local time of day.
pub(crate) fn time(at: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    local.strftime("%H:%M:%S.%3f").to_string()
}

/// The local day and time.
pub(crate) fn day_and_time(at: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
}

struct Why<'a>(&'a Death);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let death = self.0;
        let likely = match death.certain || death.cause == CloseCause::Unknown.word() {
            true => "",
            false => " (likely)",
        };
        write!(f, "{}{likely}", sanitize(&death.text))
    }
}

/// The process; without a number where another one of its kind may have had the connection.
struct Who<'a>(Option<&'a LastOwner>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(owner) = self.0 else {
            return f.write_str("?");
        };
        write!(f, "{}", owner.process)?;
        match owner.known_by.as_ref() {
            "listening" => Ok(()),
            _ => write!(f, "[{}]", owner.pid),
        }
    }
}

/// Our end, who called whom, the peer.
struct Ends<'a>(&'a Death);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.0.direction.as_ref() {
            "outgoing" => "->",
            _ => "<-",
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
        if let Some(silent_ms) = death.silent_ms {
            parts.push(format!(
                "silent {}",
                Upper(Duration::from_millis(silent_ms))
            ));
        }
        if let Some(age_ms) = death.age_ms {
            let more = if death.age_exact { "" } else { "> " };
            parts.push(format!(
                "lived {more}{}",
                Upper(Duration::from_millis(age_ms))
            ));
        }
        for (bytes, what) in [
            (death.received_bytes, "in"),
            (death.acked_bytes, "out"),
            (some(death.unread_bytes), "unread"),
            (some(death.unacked_bytes), "never acknowledged"),
        ] {
            if let Some(bytes) = bytes {
                parts.push(format!("{} {what}", Bytes(bytes)));
            }
        }
        if death.destroyed_by.is_some() {
            parts.push(format!("by {}", Who(death.destroyed_by.as_ref())));
        }
        f.write_str(&parts.join(", "))?;
        if let Some(limit) = &death.decided_by {
            write!(f, "; {}", sanitize(&limit.text))?;
        }
        match &death.advice {
            Some(advice) => write!(f, "; {}", sanitize(advice)),
            None => Ok(()),
        }
    }
}

fn some(bytes: Option<u32>) -> Option<u64> {
    bytes.filter(|bytes| *bytes > 0).map(u64::from)
}
