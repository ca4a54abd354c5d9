//! The settings that a side seems to use, from what its timers did.

use std::time::Duration;

use super::verdict::{Ending, Noticed, StoryVerdict};
use crate::talk::{Conversation, Side};

/// What a side's timers show of its settings; `None` where they showed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Silence before the first probe (`TCP_KEEPIDLE`).
    pub idle: Option<Guess>,
    /// Between unanswered probes (`TCP_KEEPINTVL`).
    pub interval: Option<Guess>,
    /// Unanswered probes after which it gave up (`TCP_KEEPCNT`, unless a user timeout cut it
    /// short).
    pub count: Option<u32>,
    /// The retransmission timeout before any doubling.
    pub rto: Option<Duration>,
    /// From its first retransmission timeout to the moment it gave up: not less than the first and
    /// not more than the second (`TCP_USER_TIMEOUT`, or what `tcp_retries2` comes to;
    /// net/ipv4/tcp_timer.c, `retransmits_timed_out`).
    pub gave_up_after: Option<(Duration, Duration)>,
}

/// A measured time, and the setting that explains it best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guess {
    /// The shortest time measured. Timers are late, never early.
    pub measured: Duration,
    /// The roundest number of seconds that a late timer turns into the measured time.
    pub seconds: u32,
}

impl Settings {
    pub(super) fn of(conversation: &Conversation, side: Side, verdict: &StoryVerdict) -> Self {
        let half = conversation.half(side);
        let measured = half.asking.measured();
        let asks = !verdict.may_only_answer(conversation, side);
        let gave_up = verdict.ending == Ending::GaveUp(side);
        let count =
            (gave_up && verdict.noticed == Noticed::Keepalive).then_some(verdict.unanswered);
        let silently = gave_up && verdict.noticed == Noticed::Retransmission;
        let gave_up_after = verdict
            .noticed_at
            .filter(|_| silently)
            .zip(half.resending.run())
            .map(|((earliest, latest), run)| {
                let first = run.first_timeout.unwrap_or(run.first);
                (earliest.since(first), latest.since(first))
            });
        Self {
            idle: measured.idle().filter(|_| asks).and_then(Guess::of),
            interval: measured.interval().filter(|_| asks).and_then(Guess::of),
            count,
            rto: half.rto.wait(),
            gave_up_after,
        }
    }
}

impl Guess {
    /// The setting behind a measured time, if it is a setting's: at least a second.
    ///
    /// The timer wheel is late by up to an eighth, usually by less than 3 %; and a capture may see
    /// a packet a little before the timer's host does.
    #[must_use]
    pub fn of(measured: Duration) -> Option<Self> {
        let ms = u64::try_from(measured.as_millis()).unwrap_or(u64::MAX);
        let highest = ms.saturating_add(60) / 1000;
        let lowest = (ms.saturating_sub(ms * 3 / 100 + 60)).div_ceil(1000).max(1);
        let roundest = [3600, 1800, 900, 600, 300, 60, 30, 15, 10, 5, 1]
            .into_iter()
            .find_map(|unit| {
                let multiple = highest / unit * unit;
                (multiple >= lowest && multiple > 0).then_some(multiple)
            })
            .or((highest > 0).then_some(highest))?;
        Some(Self {
            measured,
            seconds: u32::try_from(roundest).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roundest_setting_that_explains_a_late_timer() {
        for (ms, seconds) in [
            (120_830, 120),
            (7_240_000, 7200),
            (75_400, 75),
            (1_008, 1),
            (2_016, 2),
            (14_997, 15),
            (20_480, 20),
            (3_010, 3),
            (301_900, 300),
            (46_000, 45),
        ] {
            let guess = Guess::of(Duration::from_millis(ms)).map(|guess| guess.seconds);
            assert_eq!(guess, Some(seconds), "{ms} ms");
        }
        assert_eq!(Guess::of(Duration::from_millis(500)), None);
    }
}
