//! How many pings an end bears.
//!
//! Pings that a lossy path held up arrive in a bunch, so counting short gaps would punish the
//! innocent. This is a leaky bucket (the virtual scheduling algorithm of ITU-T I.371): the pace
//! over time counts, and a bunch as large as an honest end can have unanswered goes through.

use std::time::Duration;

use super::questions::MOST_UNANSWERED;

/// What to do about a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Toll {
    Fine,
    Complain,
    Refuse,
}

/// The toll of a ping while the bucket takes `level` to leak empty; the level changes with it. In
/// any unit of time; each ping fills in `gap`. Complaints are forgotten when the bucket is empty.
pub(super) fn toll(level: &mut u64, complaints: &mut u8, gap: u64, allowed: u8) -> Toll {
    if *level == 0 {
        *complaints = 0;
    }
    if *level <= gap.saturating_mul(MOST_UNANSWERED as u64) {
        *level = level.saturating_add(gap);
        return Toll::Fine;
    }
    *complaints = complaints.saturating_add(1);
    if *complaints > allowed {
        Toll::Refuse
    } else {
        Toll::Complain
    }
}

/// The shortest gap of an end that keeps the floor: its intervals are jittered to three quarters.
pub(super) fn gap(floor: Duration) -> Duration {
    floor / 4 * 3
}

/// The pings of one peer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Strikes {
    empty_at: Duration,
    complaints: u8,
}

impl Strikes {
    pub(super) fn ping(&mut self, now: Duration, floor: Duration, allowed: u8) -> Toll {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let mut level = nanos(self.empty_at.saturating_sub(now));
        let toll = toll(&mut level, &mut self.complaints, nanos(gap(floor)), allowed);
        self.empty_at = now.saturating_add(Duration::from_nanos(level));
        toll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: Duration = Duration::from_secs(1);

    fn tolls(gap_ms: u64, count: u64) -> Vec<Toll> {
        let mut strikes = Strikes::default();
        let ping = |n| strikes.ping(Duration::from_millis(n * gap_ms), FLOOR, 2);
        (0..count).map(ping).collect()
    }

    #[test]
    fn whoever_keeps_the_floor_is_never_blamed() {
        assert!(tolls(750, 10_000).iter().all(|toll| *toll == Toll::Fine));
    }

    #[test]
    fn a_bunch_goes_through_and_a_flood_does_not() {
        let flood = tolls(0, 12);
        assert!(flood[..9].iter().all(|toll| *toll == Toll::Fine));
        assert_eq!(flood[9..], [Toll::Complain, Toll::Complain, Toll::Refuse]);
    }

    #[test]
    fn a_pace_that_is_too_quick_is_refused_in_the_end() {
        let slow_flood = tolls(700, 1_000);
        let refused = slow_flood.iter().position(|toll| *toll == Toll::Refuse);
        assert!(refused.is_some_and(|at| at > 50), "{refused:?}");
    }

    #[test]
    fn complaints_are_forgotten_after_a_quiet_time() {
        let mut strikes = Strikes::default();
        for round in 0..10 {
            let now = Duration::from_secs(round * 20);
            let tolls: Vec<_> = (0..11).map(|_| strikes.ping(now, FLOOR, 2)).collect();
            assert_eq!(tolls.last(), Some(&Toll::Complain), "round {round}");
        }
    }
}
