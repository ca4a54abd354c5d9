//! Since when deaths are watched without a gap, by a clock that may be set.

use crate::time::HOUR;

/// Batches follow each other each second. After a minute without one the machine slept, or the
/// clock was set.
const GAP: i64 = HOUR / 60;
const DAY: i64 = 24 * HOUR;

/// Times are microseconds since 1970.
#[derive(Debug)]
pub(crate) struct Watch {
    since: i64,
    last: i64,
    /// When the clock had leapt by more than a day.
    leapt: Option<i64>,
}

impl Watch {
    /// Begins `now`. `before` is when another watch ended.
    pub(crate) fn begin(now: i64, before: Option<i64>) -> Self {
        let mut watch = Self {
            since: now,
            last: before.unwrap_or(now),
            leapt: None,
        };
        watch.go_on(now);
        watch
    }

    /// Goes on until `now`, or begins anew if the clock says that nobody watched until now.
    pub(crate) fn go_on(&mut self, now: i64) -> &Self {
        if now > self.last + GAP || now < self.since {
            self.since = now;
        }
        if now > self.last + DAY {
            self.leapt = Some(now);
        }
        self.last = now;
        self
    }

    /// When it began.
    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    /// Whether it is long enough ago that the clock leapt: within an hour somebody may have put it
    /// right.
    pub(crate) fn trusts_clock(&self) -> bool {
        let leapt = |at| (at..at + HOUR).contains(&self.last);
        !self.leapt.is_some_and(leapt)
    }
}
