//! Times as the file has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An hour in microseconds.
pub(crate) const HOUR: i64 = 3600 * 1_000_000;

/// Microseconds since 1970. What was before is 1970.
pub(crate) fn micros(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The other way.
pub(crate) fn from_micros(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Hours since 1970.
pub(crate) fn hour(micros: i64) -> i64 {
    micros / HOUR
}
