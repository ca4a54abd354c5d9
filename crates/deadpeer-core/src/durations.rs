//! Options from durations: exactly, or refused with what the option takes.
//!
//! Other libraries cut a fraction of a second off (and send 0, which the kernel refuses) or round
//! it up (and promise less than was asked for). Here a value that an option cannot hold is an
//! error.

use std::fmt;
use std::time::Duration;

use crate::options::{
    MAX_KEEPALIVE_S, MAX_RTO_MAX_MS, MAX_USER_TIMEOUT_MS, MIN_RTO_MAX_MS, SocketOptions,
};

/// A duration that an option cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsettableDuration {
    /// The kernel's name of the option.
    pub option: &'static str,
    /// The duration that was asked for.
    pub value: Duration,
    /// The smallest value, in `unit`.
    pub min: u32,
    /// The largest value, in `unit`.
    pub max: u32,
    /// What the option counts: `seconds` or `milliseconds`.
    pub unit: &'static str,
}

impl std::error::Error for UnsettableDuration {}

impl From<UnsettableDuration> for std::io::Error {
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput), with the error inside.
    fn from(error: UnsettableDuration) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl fmt::Display for UnsettableDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            value,
            min,
            max,
            unit,
        } = self;
        write!(
            f,
            "{option} takes whole {unit} from {min} to {max}, not {value:?}"
        )
    }
}

/// Settings one after the other, from durations.
///
/// ```
/// use std::time::Duration;
/// use deadpeer_core::SocketOptions;
///
/// let options = SocketOptions::default()
///     .with_keepalive(true)
///     .with_keepidle(Duration::from_secs(20))?
///     .with_keepintvl(Duration::from_secs(2))?
///     .with_keepcnt(5);
/// assert_eq!(options.keepidle_s, Some(20));
///
/// let refused = options.with_keepidle(Duration::from_millis(1_500)).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "TCP_KEEPIDLE takes whole seconds from 1 to 32767, not 1.5s"
/// );
/// # Ok::<(), deadpeer_core::durations::UnsettableDuration>(())
/// ```
impl SocketOptions {
    /// Switches keepalive on or off.
    #[must_use]
    pub fn with_keepalive(mut self, on: bool) -> Self {
        self.keepalive = Some(on);
        self
    }

    /// The silence before the first probe: whole seconds, 1 to 32767.
    ///
    /// # Errors
    /// A fraction of a second, or a value outside the range.
    pub fn with_keepidle(mut self, idle: Duration) -> Result<Self, UnsettableDuration> {
        self.keepidle_s = Some(seconds("TCP_KEEPIDLE", idle)?);
        Ok(self)
    }

    /// The wait between probes: whole seconds, 1 to 32767.
    ///
    /// # Errors
    /// A fraction of a second, or a value outside the range.
    pub fn with_keepintvl(mut self, interval: Duration) -> Result<Self, UnsettableDuration> {
        self.keepintvl_s = Some(seconds("TCP_KEEPINTVL", interval)?);
        Ok(self)
    }

    /// The unanswered probes until the connection is dead, 1 to 127 ([`check`](Self::check) sees to
    /// it).
    #[must_use]
    pub fn with_keepcnt(mut self, probes: u32) -> Self {
        self.keepcnt = Some(probes);
        self
    }

    /// The user timeout: whole milliseconds, 1 to 2147483647. To take one away, set the field to
    /// `Some(0)`.
    ///
    /// # Errors
    /// A fraction of a millisecond, or a value outside the range.
    pub fn with_user_timeout(mut self, timeout: Duration) -> Result<Self, UnsettableDuration> {
        self.user_timeout_ms = Some(millis("TCP_USER_TIMEOUT", timeout, 1, MAX_USER_TIMEOUT_MS)?);
        Ok(self)
    }

    /// The longest retransmission timeout: whole milliseconds, 1000 to 120000. Needs Linux 6.15.
    ///
    /// # Errors
    /// A fraction of a millisecond, or a value outside the range.
    pub fn with_rto_max(mut self, longest: Duration) -> Result<Self, UnsettableDuration> {
        let (min, max) = (MIN_RTO_MAX_MS, MAX_RTO_MAX_MS);
        self.rto_max_ms = Some(millis("TCP_RTO_MAX_MS", longest, min, max)?);
        Ok(self)
    }
}

fn seconds(option: &'static str, value: Duration) -> Result<u32, UnsettableDuration> {
    let max = u32::from(MAX_KEEPALIVE_S);
    whole(value, Duration::from_secs(1))
        .filter(|n| (1..=max).contains(n))
        .ok_or(UnsettableDuration {
            option,
            value,
            min: 1,
            max,
            unit: "seconds",
        })
}

fn millis(
    option: &'static str,
    value: Duration,
    min: u32,
    max: u32,
) -> Result<u32, UnsettableDuration> {
    whole(value, Duration::from_millis(1))
        .filter(|n| (min..=max).contains(n))
        .ok_or(UnsettableDuration {
            option,
            value,
            min,
            max,
            unit: "milliseconds",
        })
}

/// How many units a duration is, if it is a whole number of them.
fn whole(value: Duration, unit: Duration) -> Option<u32> {
    let (value, unit) = (value.as_nanos(), unit.as_nanos());
    value
        .is_multiple_of(unit)
        .then(|| u32::try_from(value / unit).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_values_within_the_range_are_taken() {
        let base = SocketOptions::default();
        for s in [1, 20, 32_767] {
            let value = Duration::from_secs(s.into());
            assert_eq!(base.with_keepidle(value).unwrap().keepidle_s, Some(s));
            assert_eq!(base.with_keepintvl(value).unwrap().keepintvl_s, Some(s));
        }
        for ms in [1, 30_000, 2_147_483_647] {
            let options = base.with_user_timeout(Duration::from_millis(ms.into()));
            assert_eq!(options.unwrap().user_timeout_ms, Some(ms));
        }
        for ms in [1_000, 1_001, 120_000] {
            let options = base.with_rto_max(Duration::from_millis(ms.into()));
            assert_eq!(options.unwrap().rto_max_ms, Some(ms));
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_range() {
        let base = SocketOptions::default();
        let ms = Duration::from_millis;
        for value in [ms(0), ms(999), ms(1_001), ms(32_768_000), Duration::MAX] {
            let error = base.with_keepidle(value).unwrap_err();
            assert_eq!((error.option, error.value), ("TCP_KEEPIDLE", value));
            assert_eq!((error.min, error.max), (1, 32_767));
            let error = base.with_keepintvl(value).unwrap_err();
            assert_eq!(error.option, "TCP_KEEPINTVL");
        }
        for value in [ms(0), Duration::from_micros(1_500), ms(2_147_483_648)] {
            let error = base.with_user_timeout(value).unwrap_err();
            assert_eq!((error.min, error.max), (1, 2_147_483_647));
        }
        for value in [ms(999), ms(120_001), Duration::from_nanos(1_000_000_001)] {
            let error = base.with_rto_max(value).unwrap_err();
            assert_eq!((error.min, error.max), (1_000, 120_000));
        }
    }
}
