//! What supervision can't keep on a connection, told beforehand.

use std::fmt;
use std::time::Duration;

/// What supervision can't keep on a connection, told beforehand by
/// [`Watch::slip`](crate::Watch::slip).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Slip {
    /// By how much the verdict would come after the deadline, at the loss measured so far, if the
    /// peer vanished now while the connection is idle.
    pub late: Duration,
    /// The chance (0 to 1), at most, that the live peer is called unreachable if the path begins to
    /// lose [40 of 100](Self::LOSS) packets each way now. Nobody can tell that from death before it
    /// is measured. 0.018 on a path that has lost little, 0.17 within 5 s; next to nothing where
    /// the loss has been measured. For other losses:
    /// [`Judge::sudden_loss`](crate::verdict::Judge::sudden_loss).
    pub sudden_loss: f64,
    /// How soon Linux itself may end the connection if its live peer does not read, counted from
    /// the moment its window closes; `None`: never. Nobody can keep it from that where
    /// `tcp_retries2` was 0 or 1 when the watch was made:
    /// [`Supervision::slow_reader_ended`](crate::Supervision::slow_reader_ended).
    #[doc(alias = "tcp_retries2")]
    pub slow_reader_ended: Option<Duration>,
}

impl Slip {
    /// The share of packets that `sudden_loss` is about.
    pub const LOSS: f64 = 0.4;
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.late.is_zero() {
            let late = self.late.as_secs_f64();
            write!(
                f,
                "the verdict comes {late:.1} s after the deadline, for the path loses much; "
            )?;
        }
        write!(
            f,
            "if it came to lose 40 of 100 packets each way now, {:.1} % of live peers at most would be called unreachable before that is measured",
            self.sudden_loss * 100.0
        )?;
        if let Some(after) = self.slow_reader_ended {
            let after = after.as_secs_f64();
            write!(
                f,
                "; Linux ends a live peer that does not read {after:.1} s after its window closed (tcp_retries2)"
            )?;
        }
        Ok(())
    }
}
