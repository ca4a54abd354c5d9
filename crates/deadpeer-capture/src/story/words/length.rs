//! Measured times for people.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::Span;

/// A measured length of time with three digits at least: `11 us`, `2.4 ms`, `120 s`, `15m 37s`, `2h
/// 11m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub Duration);

impl Length {
    pub(super) fn of(span: Span) -> Self {
        Self(span.into())
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // More than five centuries are all one.
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        let tenths = |unit: u64| nanos.saturating_add(unit / 20) / (unit / 10);
        let decimal = |f: &mut fmt::Formatter<'_>, tenths: u64, unit| {
            below_1000(f, tenths / 10)?;
            if !tenths.is_multiple_of(10) {
                f.write_char('.')?;
                digit(f, tenths)?;
            }
            f.write_str(unit)
        };
        let whole = |unit: u64| nanos.saturating_add(unit / 2) / unit;
        let (us, ms, s) = (1_000, 1_000_000, 1_000_000_000);
        if whole(us) < 1000 {
            below_1000(f, whole(us))?;
            f.write_str(" us")
        } else if tenths(ms) < 100 {
            decimal(f, tenths(ms), " ms")
        } else if whole(ms) < 1000 {
            below_1000(f, whole(ms))?;
            f.write_str(" ms")
        } else if tenths(s) < 3000 {
            decimal(f, tenths(s), " s")
        } else if whole(s) < 7200 {
            write!(f, "{}m {:02}s", whole(s) / 60, whole(s) % 60)
        } else if whole(60 * s) < 48 * 60 {
            write!(f, "{}h {:02}m", whole(60 * s) / 60, whole(60 * s) % 60)
        } else {
            write!(f, "{}d {:02}h", whole(3600 * s) / 24, whole(3600 * s) % 24)
        }
    }
}

/// A number below a thousand: a million stories have eight million of them, and what `{}` does for
/// any number takes several times as long.
fn below_1000(f: &mut fmt::Formatter<'_>, number: u64) -> fmt::Result {
    if number >= 100 {
        digit(f, number / 100)?;
    }
    if number >= 10 {
        digit(f, number / 10)?;
    }
    digit(f, number)
}

/// The last digit of a number.
fn digit(f: &mut fmt::Formatter<'_>, number: u64) -> fmt::Result {
    f.write_char(char::from(b'0' + (number % 10) as u8))
}
