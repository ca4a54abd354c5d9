//! Durations as people write and read them: `30s`, `1m30s`, "24.6 s", "2h 11m".

use std::fmt;
use std::time::Duration;

/// Nobody waits longer than this for a verdict; more is a slip of the keyboard.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a duration as people type it.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err("a duration is missing, write for example 30s or 1m30s".into());
    }
    if trimmed.starts_with('-') {
        return Err("a duration cannot be negative".into());
    }
    if trimmed.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "the unit is missing, write {trimmed}s or {trimmed}ms"
        ));
    }
    let duration = humantime::parse_duration(trimmed)
        .map_err(|_| "not a duration, write for example 30s, 1m30s, 250ms or 2h".to_string())?;
    if duration.is_zero() {
        return Err("a duration must be longer than zero".into());
    }
    if duration > LONGEST {
        return Err("a year (365d) is the most".into());
    }
    Ok(duration)
}

/// A duration for people: at most two units, never shorter than the truth.
///
/// Rounded up to the last digit shown, since every number of this command is an upper bound
/// unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upper(pub Duration);

/// A duration for people, rounded down to the last digit shown: a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lower(pub Duration);

impl fmt::Display for Upper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rounded(f, self.0, true)
    }
}

impl fmt::Display for Lower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rounded(f, self.0, false)
    }
}

/// A span as words: "24.6 to 25.3 s", or one number where both ends read the same.
#[must_use]
pub fn span(earliest: Duration, latest: Duration) -> String {
    let (from, to) = (Lower(earliest).to_string(), Upper(latest).to_string());
    if from == to {
        return to;
    }
    match (from.strip_suffix(" s"), to.ends_with(" s")) {
        (Some(number), true) if !to.ends_with("ms") => format!("{number} to {to}"),
        _ => format!("{from} to {to}"),
    }
}

/// A duration as it was typed, for sentences: `1m 30s`.
#[must_use]
pub fn typed(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A duration as an argument: `1m30s`.
#[must_use]
pub fn argument(duration: Duration) -> String {
    typed(duration).replace(' ', "")
}

/// Whole milliseconds, rounded down.
#[must_use]
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whole milliseconds, rounded up.
#[must_use]
pub fn milliseconds_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Whole microseconds, rounded down.
#[must_use]
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Each unit is left before its number gets hard to read: 999 ms, 119.9 s, 119m 59s, 47h 59m.
fn write_rounded(f: &mut fmt::Formatter<'_>, duration: Duration, up: bool) -> fmt::Result {
    let in_units_of = |unit: Duration| {
        let (n, unit) = (duration.as_nanos(), unit.as_nanos());
        if up { n.div_ceil(unit) } else { n / unit }
    };
    let ms = in_units_of(Duration::from_millis(1));
    if ms < 1000 {
        return write!(f, "{ms} ms");
    }
    let tenths = in_units_of(Duration::from_millis(100));
    if tenths < 1200 {
        return match tenths % 10 {
            0 => write!(f, "{} s", tenths / 10),
            rest => write!(f, "{}.{rest} s", tenths / 10),
        };
    }
    let s = in_units_of(Duration::from_secs(1));
    if s < 7200 {
        return write!(f, "{}m {:02}s", s / 60, s % 60);
    }
    let min = in_units_of(Duration::from_secs(60));
    if min < 48 * 60 {
        return write!(f, "{}h {:02}m", min / 60, min % 60);
    }
    let h = in_units_of(Duration::from_secs(3600));
    write!(f, "{}d {:02}h", h / 24, h % 24)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("250ms", 250),
            ("2h", 7_200_000),
            (" 5s ", 5_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_write() {
        for (text, said) in [
            ("30", "the unit is missing, write 30s or 30ms"),
            ("", "a duration is missing"),
            ("0s", "longer than zero"),
            ("0ms", "longer than zero"),
            ("-5s", "cannot be negative"),
            ("-1", "cannot be negative"),
            ("soon", "not a duration"),
            ("30 parsecs", "not a duration"),
            ("99999999999999999999s", "not a duration"),
            ("2y", "a year (365d) is the most"),
            ("inf", "not a duration"),
            ("\u{1b}[31m", "not a duration"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }

    #[test]
    fn bounds_are_rounded_outwards() {
        for (ms, lower, upper) in [
            (4, "4 ms", "4 ms"),
            (999, "999 ms", "999 ms"),
            (1000, "1 s", "1 s"),
            (24_640, "24.6 s", "24.7 s"),
            (119_900, "119.9 s", "119.9 s"),
            (119_901, "119.9 s", "2m 00s"),
            (937_800, "15m 37s", "15m 38s"),
            (7_199_900, "119m 59s", "2h 00m"),
            (7_875_000, "2h 11m", "2h 12m"),
            (172_800_000, "2d 00h", "2d 00h"),
        ] {
            let duration = Duration::from_millis(ms);
            assert_eq!(Lower(duration).to_string(), lower);
            assert_eq!(Upper(duration).to_string(), upper);
        }
    }

    #[test]
    fn spans_name_their_unit_once() {
        let ms = Duration::from_millis;
        assert_eq!(span(ms(24_600), ms(25_300)), "24.6 to 25.3 s");
        assert_eq!(span(ms(25_000), ms(25_000)), "25 s");
        assert_eq!(span(ms(900), ms(1_100)), "900 ms to 1.1 s");
        assert_eq!(span(ms(900), ms(930)), "900 ms to 930 ms");
        assert_eq!(span(ms(110_000), ms(937_000)), "110 s to 15m 37s");
    }

    proptest! {
        #[test]
        fn what_is_typed_can_be_read(ms in 1_u64..=365 * 24 * 3_600_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&typed(duration)), Ok(duration));
            prop_assert_eq!(parse(&argument(duration)), Ok(duration));
        }
    }
}
