//! Options from durations: exactly, or refused with what the option takes.
//!
//! Other libraries cut a fraction of a second off (and send 0, which the kernel refuses) or round
//! it up (and promise less than was asked for). Here a value that an option cannot hold is an
//! error.

use std::time::Duration;

use super::{Asked, OutOfRange, Setting, SocketOption, SocketOptions};

/// Settings one after the other, from durations.
///
/// ```
/// use std::time::Duration;
/// use deadpeer_core::SocketOptions;
///
/// let options = SocketOptions::default()
///     .keepalive(true)
///     .with_keepidle(Duration::from_secs(20))?
///     .with_keepintvl(Duration::from_secs(2))?
///     .keepcnt(5);
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
    /// The silence before the first probe: whole seconds, 1 to 32767.
    ///
    /// # Errors
    /// A fraction of a second, or a value outside the range.
    pub fn with_keepidle(self, idle: Duration) -> Result<Self, OutOfRange> {
        self.exactly(SocketOption::Keepidle, idle)
    }

    /// The wait between probes: whole seconds, 1 to 32767.
    ///
    /// # Errors
    /// A fraction of a second, or a value outside the range.
    pub fn with_keepintvl(self, interval: Duration) -> Result<Self, OutOfRange> {
        self.exactly(SocketOption::Keepintvl, interval)
    }

    /// The user timeout: whole milliseconds, 1 to 2147483647. To take one away, set the field to
    /// `Some(0)`.
    ///
    /// # Errors
    /// A fraction of a millisecond, or a value outside the range.
    pub fn with_user_timeout(self, timeout: Duration) -> Result<Self, OutOfRange> {
        self.exactly(SocketOption::UserTimeout, timeout)
    }

    /// The longest retransmission timeout: whole milliseconds, 1000 to 120000. Needs Linux 6.15.
    ///
    /// # Errors
    /// A fraction of a millisecond, or a value outside the range.
    pub fn with_rto_max(self, longest: Duration) -> Result<Self, OutOfRange> {
        self.exactly(SocketOption::RtoMax, longest)
    }

    /// The option as long as the duration, if that is a whole number of its units within its range
    /// and not none at all.
    fn exactly(mut self, option: SocketOption, value: Duration) -> Result<Self, OutOfRange> {
        let facts = option.facts();
        let one = match facts.unit {
            "seconds" => Duration::from_secs(1),
            _ => Duration::from_millis(1),
        };
        let number = u32::try_from(value.as_nanos() / one.as_nanos()).unwrap_or(u32::MAX);
        let fits = (facts.min.max(1)..=facts.max).contains(&number) && one * number == value;
        if !fits {
            return Err(OutOfRange::new(option, Asked::Duration(value)));
        }
        self.put(Setting::new(option, number));
        Ok(self)
    }
}
