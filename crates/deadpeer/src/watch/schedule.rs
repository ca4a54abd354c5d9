//! When to look at which connection.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::table::Place;

/// Schedule are rounded up to whole ones of these, so that one wake-up serves many connections.
const TICK: Duration = Duration::from_millis(10);

/// The planned looks, one for each supervised connection. Those of connections that were forgotten
/// stay until their turn.
#[derive(Debug, Default)]
pub(super) struct Schedule(BinaryHeap<Reverse<(u64, Place)>>);

impl Schedule {
    /// Plans a look at `at` or at most a tick later.
    pub(super) fn plan(&mut self, at: Duration, place: Place) {
        let tick = at.as_nanos().div_ceil(TICK.as_nanos());
        let tick = u64::try_from(tick).unwrap_or(u64::MAX);
        self.0.push(Reverse((tick, place)));
    }

    /// Takes out the looks whose time has come, and with them those that come within `early`,
    /// `most` in all.
    ///
    /// Most looks find that the peer was heard meanwhile, for which any moment will do, and each
    /// wake-up costs more than a look. One that was early in vain is planned again for its own
    /// time.
    pub(super) fn due(&mut self, now: Duration, early: Duration, most: usize) -> Vec<Place> {
        let mut due = Vec::new();
        if self.next().is_some_and(|at| at <= now) {
            let until = now + early;
            while due.len() < most && self.next().is_some_and(|at| at <= until) {
                due.extend(self.0.pop().map(|Reverse((_, place))| place));
            }
        }
        due
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Option<Duration> {
        let Reverse((tick, _)) = self.0.peek()?;
        let ms = tick.saturating_mul(TICK.as_millis() as u64);
        Some(Duration::from_millis(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_looked_at_before_somebody_is_due() {
        let (s, early) = (Duration::from_secs, Duration::from_millis(300));
        let ms = Duration::from_millis;
        let place = |number| Place::of_key(number);
        let mut schedule = Schedule::default();
        for (number, at) in [(1, s(10)), (2, s(10) + ms(200)), (3, s(11))] {
            schedule.plan(at, place(number));
        }
        assert_eq!(schedule.due(s(10) - ms(1), early, 9), []);
        assert_eq!(schedule.due(s(10), early, 9), [place(1), place(2)]);
        assert_eq!(schedule.due(s(10) + ms(900), early, 9), []);
        assert_eq!(schedule.next(), Some(s(11)));
        schedule.plan(s(11), place(4));
        assert_eq!(schedule.due(s(11), early, 1), [place(3)]);
        assert_eq!(schedule.due(s(11), early, 1), [place(4)]);
    }
}
