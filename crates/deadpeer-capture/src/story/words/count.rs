//! Numbers of things.

use std::fmt;
use std::time::Duration;

use super::length::Length;
use crate::talk::Asked;

/// So many probes.
pub(super) fn probes(asked: Asked, count: u32) -> String {
    let kind = match asked {
        Asked::Presence => "keepalive probe",
        Asked::Window => "window probe",
    };
    match count {
        1 => format!("a {kind}"),
        _ => format!("{count} {kind}s"),
    }
}

/// So often.
pub(super) fn times(count: u32) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        _ => format!("{count} times"),
    }
}

/// From the shortest to the longest of two waits.
pub(super) fn waits(first: Duration, last: Duration) -> String {
    format!("{} to {}", Length(first.min(last)), Length(first.max(last)))
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> Size {
    match bytes {
        0..10_000 => Size(bytes, "B"),
        10_000..10_000_000 => Size(bytes / 1000, "kB"),
        10_000_000..10_000_000_000 => Size(bytes / 1_000_000, "MB"),
        _ => Size(bytes / 1_000_000_000, "GB"),
    }
}

/// So many of a unit.
pub(super) struct Size(u64, &'static str);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}
