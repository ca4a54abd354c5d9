//! A token bucket, kept as the one moment at which its queue will be empty.

use std::time::Duration;

/// One direction of a rate limit.
///
/// `full_from` is when the bucket will be full again: when everything accepted so far has been paid
/// for at the plain rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    full_from: Duration,
}

/// What a bucket allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) bits_per_s: u64,
    pub(super) burst_bytes: u64,
    pub(super) queue_bytes: u64,
}

impl Bucket {
    /// When a packet of this size that arrives at `now` may leave; `None` when the queue has no
    /// room for it.
    pub(super) fn take(&mut self, bytes: u64, now: Duration, rate: Rate) -> Option<Duration> {
        let end = self.full_from.max(now).checked_add(rate.time_of(bytes)?)?;
        let leaves = end.saturating_sub(rate.time_of(rate.burst_bytes)?).max(now);
        if leaves - now > rate.time_of(rate.queue_bytes)? {
            return None;
        }
        self.full_from = end;
        Some(leaves)
    }
}

impl Rate {
    /// How long so many bytes take; `None`: for ever.
    fn time_of(self, bytes: u64) -> Option<Duration> {
        let nanoseconds =
            (u128::from(bytes) * 8 * 1_000_000_000).checked_div(self.bits_per_s.into())?;
        u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 Mbit/s: 1000 bytes take 8 ms.
    const RATE: Rate = Rate {
        bits_per_s: 1_000_000,
        burst_bytes: 2000,
        queue_bytes: 3000,
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_then_the_rate_then_a_full_queue() {
        let mut bucket = Bucket::default();
        let leaves: Vec<_> = (0..6).map(|_| bucket.take(1000, ms(0), RATE)).collect();
        assert_eq!(
            leaves,
            [
                Some(ms(0)),
                Some(ms(0)),
                Some(ms(8)),
                Some(ms(16)),
                Some(ms(24)),
                None
            ]
        );
        // One packet's time later there is room for one.
        assert_eq!(bucket.take(1000, ms(8), RATE), Some(ms(32)));
        assert_eq!(bucket.take(1000, ms(8), RATE), None);
    }

    #[test]
    fn a_pause_refills_no_more_than_the_burst() {
        let mut bucket = Bucket::default();
        for _ in 0..5 {
            bucket.take(1000, ms(0), RATE);
        }
        let later = ms(60_000);
        let leaves: Vec<_> = (0..3).map(|_| bucket.take(1000, later, RATE)).collect();
        assert_eq!(leaves, [Some(later), Some(later), Some(later + ms(8))]);
    }

    #[test]
    fn nothing_passes_at_rate_zero_and_huge_sizes_do_not_overflow() {
        let closed = Rate {
            bits_per_s: 0,
            ..RATE
        };
        assert_eq!(Bucket::default().take(1, ms(0), closed), None);
        assert_eq!(Bucket::default().take(u64::MAX, ms(0), RATE), None);
        let wide = Rate {
            bits_per_s: u64::MAX,
            burst_bytes: u64::MAX,
            queue_bytes: u64::MAX,
        };
        assert_eq!(Bucket::default().take(u64::MAX, ms(0), wide), Some(ms(0)));
    }
}
