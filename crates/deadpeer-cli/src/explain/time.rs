//! Moments as people read them: the time of day, with the day where it isn't the first one's.

use deadpeer_capture::Moment;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// How precisely a time of day is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Tables and stories.
    Milliseconds,
    /// Packets.
    Microseconds,
}

/// The time zone in which moments are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    Utc,
    Local,
}

impl Zone {
    pub(super) fn new(utc: bool) -> Self {
        if utc { Self::Utc } else { Self::Local }
    }

    /// The time of day.
    pub(super) fn time(self, at: Moment, digits: Digits) -> String {
        let format = match digits {
            Digits::Milliseconds => "%H:%M:%S.%3f",
            Digits::Microseconds => "%H:%M:%S.%6f",
        };
        self.show(at, format)
    }

    /// The day and the time of day.
    pub(super) fn date(self, at: Moment) -> String {
        self.show(at, "%Y-%m-%d %H:%M:%S")
    }

    fn show(self, at: Moment, format: &str) -> String {
        let zone = match self {
            Self::Utc => TimeZone::UTC,
            Self::Local => TimeZone::system(),
        };
        timestamp(at).to_zoned(zone).strftime(format).to_string()
    }
}

/// As RFC 3339 writes it, in UTC and with nanoseconds.
pub(super) fn rfc3339(at: Moment) -> String {
    let time = Offset::UTC.to_datetime(timestamp(at));
    let mut said = String::with_capacity("2024-05-01T10:55:50.123456789Z".len());
    // A million stories have twenty million of them: two digits at a time is the fastest way.
    let mut put = |pair: u32, after: &str| {
        let first = pair as usize % 100 * 2;
        said.push_str(&PAIRS[first..first + 2]);
        said.push_str(after);
    };
    let year = u32::from(time.year().unsigned_abs());
    put(year / 100, "");
    put(year, "-");
    for (pair, after) in [
        (time.month(), "-"),
        (time.day(), "T"),
        (time.hour(), ":"),
        (time.minute(), ":"),
        (time.second(), "."),
    ] {
        put(pair.unsigned_abs().into(), after);
    }
    let tens = time.subsec_nanosecond().unsigned_abs() / 10;
    for unit in [1_000_000, 10_000, 100, 1] {
        put(tens / unit, "");
    }
    let last = time.subsec_nanosecond().unsigned_abs() as usize % 10;
    said.push_str(&PAIRS[last * 2 + 1..last * 2 + 2]);
    said.push('Z');
    said
}

/// The numbers of two digits, one after the other.
const PAIRS: &str = "00010203040506070809101112131415161718192021222324252627282930313233343536373839\
40414243444546474849505152535455565758596061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

fn timestamp(at: Moment) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at.nanos())).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_well() {
        let at = Moment::from_nanos(1_714_560_950_123_456_789);
        assert_eq!(Zone::Utc.time(at, Digits::Milliseconds), "10:55:50.123");
        assert_eq!(Zone::Utc.time(at, Digits::Microseconds), "10:55:50.123456");
        assert_eq!(Zone::Utc.date(at), "2024-05-01 10:55:50");
        assert_eq!(rfc3339(at), "2024-05-01T10:55:50.123456789Z");
        assert_eq!(
            rfc3339(Moment::from_nanos(u64::MAX)),
            "2554-07-21T23:34:33.709551615Z"
        );
        assert_eq!(rfc3339(Moment::FIRST), "1970-01-01T00:00:00.000000001Z");
    }
}
