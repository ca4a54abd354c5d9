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
    // A million stories have twenty million of them: digit by digit is the fastest way.
    let mut said = *b"0000-00-00T00:00:00.000000000Z";
    let mut put = |end: usize, number: u32| {
        let mut rest = number;
        for digit in said[..end].iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    };
    put(4, u32::from(time.year().unsigned_abs()));
    put(7, u32::from(time.month().unsigned_abs()));
    put(10, u32::from(time.day().unsigned_abs()));
    put(13, u32::from(time.hour().unsigned_abs()));
    put(16, u32::from(time.minute().unsigned_abs()));
    put(19, u32::from(time.second().unsigned_abs()));
    put(29, time.subsec_nanosecond().unsigned_abs());
    String::from_utf8_lossy(&said).into_owned()
}

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
