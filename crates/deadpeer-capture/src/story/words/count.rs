//! Numbers of things.

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

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}
