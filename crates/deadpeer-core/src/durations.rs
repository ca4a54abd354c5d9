//! Options from durations: exactly, or refused with what the option takes.
//!
//! Other libraries cut a fraction of a second off (and send 0, which the kernel refuses) or round
//! it up (and promise less than was asked for). Here a value that an option cannot hold is an
//! error.

use std::time::Duration;

use crate::options::{
    Asked, MAX_KEEPALIVE_S, MAX_RTO_MAX_MS, MAX_USER_TIMEOUT_MS, MIN_RTO_MAX_MS, OutOfRange,
    SocketOptions,
};

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
///     "TCP_KEEPIDLE takes 1 to 32767 whole seconds, not 1.5s"
/// );
/// # Ok::<(), deadpeer_core::options::OutOfRange>(())
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
    pub fn with_keepidle(mut self, idle: Duration) -> Result<Self, OutOfRange> {
        self.keepidle_s = Some(seconds("TCP_KEEPIDLE", idle)?);
        Ok(self)
    }

    /// The wait between probes: whole seconds, 1 to 32767.
    ///
    /// # Errors
    /// A fraction of a second, or a value outside the range.
    pub fn with_keepintvl(mut self, interval: Duration) -> Result<Self, OutOfRange> {
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
    pub fn with_user_timeout(mut self, timeout: Duration) -> Result<Self, OutOfRange> {
        self.user_timeout_ms = Some(millis(
            "TCP_USER_TIMEOUT",
            timeout,
            (1, MAX_USER_TIMEOUT_MS),
        )?);
        Ok(self)
    }

    /// The longest retransmission timeout: whole milliseconds, 1000 to 120000. Needs Linux 6.15.
    ///
    /// # Errors
    /// A fraction of a millisecond, or a value outside the range.
    pub fn with_rto_max(mut self, longest: Duration) -> Result<Self, OutOfRange> {
        let range = (MIN_RTO_MAX_MS, MAX_RTO_MAX_MS);
        self.rto_max_ms = Some(millis("TCP_RTO_MAX_MS", longest, range)?);
        Ok(self)
    }
}

fn seconds(option: &'static str, value: Duration) -> Result<u32, OutOfRange> {
    let range = (1, MAX_KEEPALIVE_S.into());
    whole(option, value, (Duration::from_secs(1), "seconds"), range)
}

fn millis(option: &'static str, value: Duration, range: (u32, u32)) -> Result<u32, OutOfRange> {
    whole(
        option,
        value,
        (Duration::from_millis(1), "milliseconds"),
        range,
    )
}

/// How many units a duration is, if that is a whole number within the range.
fn whole(
    option: &'static str,
    value: Duration,
    (one, unit): (Duration, &'static str),
    (min, max): (u32, u32),
) -> Result<u32, OutOfRange> {
    let number = value.as_nanos() / one.as_nanos();
    u32::try_from(number)
        .ok()
        .filter(|n| (min..=max).contains(n) && one * *n == value)
        .ok_or(OutOfRange {
            option,
            value: Asked::Duration(value),
            min: min.into(),
            max: max.into(),
            unit,
        })
}
