//! Moments as people read them: the time of day, with the day where it isn't the first one's.

use deadpeer_capture::Moment;
use deadpeer_report::record::Time;
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
pub(super) fn rfc3339(at: Moment) -> Time {
    let time = Offset::UTC.to_datetime(timestamp(at));
    let mut said = *b"0000-00-00T00:00:00.000000000Z";
    // A million stories have twenty million of them: two digits at a time is the fastest way.
    let mut put = |place: usize, pair: u32| {
        let pair = pair as usize % 100 * 2;
        said[place..place + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    };
    let year = u32::from(time.year().unsigned_abs());
    put(0, year / 100);
    put(2, year);
    put(5, time.month().unsigned_abs().into());
    put(8, time.day().unsigned_abs().into());
    put(11, time.hour().unsigned_abs().into());
    put(14, time.minute().unsigned_abs().into());
    put(17, time.second().unsigned_abs().into());
    let nanos = time.subsec_nanosecond().unsigned_abs();
    put(27, nanos);
    put(26, nanos / 10);
    put(24, nanos / 1000);
    put(22, nanos / 100_000);
    put(20, nanos / 10_000_000);
    Time::of(said)
}

/// The numbers of two digits, one after the other.
const PAIRS: &[u8; 200] =
    b"00010203040506070809101112131415161718192021222324252627282930313233343536373839\
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
        assert_eq!(rfc3339(at).as_str(), "2024-05-01T10:55:50.123456789Z");
        assert_eq!(
            rfc3339(Moment::from_nanos(u64::MAX)).as_str(),
            "2554-07-21T23:34:33.709551615Z"
        );
        assert_eq!(
            rfc3339(Moment::FIRST).as_str(),
            "1970-01-01T00:00:00.000000001Z"
        );
    }
}
