//! A timer that is armed again at each firing, until a firing finds that a limit has passed.
//!
//! Every clock by which Linux gives a connection up has this shape: nothing happens at the limit
//! itself, only at the first firing at or after it. [`Chain`] follows every firing that is
//! possible, so that what it returns contains the true one whatever the wheel's phase.

use super::waits::Waits;
use crate::wheel::{Stretch, Wheel, granularity};

/// A timer running against a limit in time, in waits, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    wheel: Wheel,
    waits: Waits,
    /// The jiffy from which on a firing ends the chain.
    limit: Option<Stretch>,
    /// Jiffies by which the kernel's comparison may differ, where it compares finer clocks than
    /// jiffies.
    fuzz: i64,
    /// Whether a wait is cut to what is left of the limit.
    clipped: bool,
    /// The waits after which a firing ends the chain whatever the time.
    most_waits: u64,
    /// What ends the chain whatever the time, too.
    longest: Option<Longest>,
    /// The wait before the firing that the chain starts with, where that may be the last.
    before_start: Stretch,
}

/// A firing after a wait as long as this ends the chain, if it is not among the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Longest {
    pub(super) wait: i64,
    pub(super) not_before: u64,
    /// Whether it surely does.
    pub(super) surely: bool,
}

/// The firing that found the limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Stretch,
    /// The firing before it: the last that sent something.
    pub(super) before: Stretch,
    /// The least number of waits it can have taken.
    pub(super) fewest_waits: u64,
}

impl Chain {
    /// Ends at the first firing on jiffy `limit` or after it.
    pub(super) fn until(wheel: Wheel, waits: Waits, limit: Stretch) -> Self {
        Self {
            limit: Some(limit),
            ..Self::counting(wheel, waits, u64::MAX)
        }
    }

    /// Ends after `most_waits` waits.
    pub(super) fn counting(wheel: Wheel, waits: Waits, most_waits: u64) -> Self {
        Self {
            wheel,
            waits,
            limit: None,
            fuzz: 0,
            clipped: false,
            most_waits,
            longest: None,
            before_start: Stretch::at(0),
        }
    }

    /// The limit is compared with a finer clock: a jiffy earlier or later.
    pub(super) fn fuzzy(self) -> Self {
        Self { fuzz: 1, ..self }
    }

    /// Waits are cut to what is left of the limit, if `clipped`.
    pub(super) fn clipped(self, clipped: bool) -> Self {
        Self { clipped, ..self }
    }

    /// Ends after `most_waits` waits at the latest.
    pub(super) fn at_most(self, most_waits: u64) -> Self {
        Self { most_waits, ..self }
    }

    /// Ends as well at a firing after the longest wait, where there is one.
    pub(super) fn ending_with(self, longest: Option<Longest>) -> Self {
        Self { longest, ..self }
    }

    /// The firing that the chain starts with came after this wait.
    pub(super) fn having_waited(self, wait: Stretch) -> Self {
        Self {
            before_start: wait,
            ..self
        }
    }

    /// The end of the chain whose firing `start` goes on whatever it finds.
    pub(super) fn end_after(self, start: Stretch) -> End {
        self.follow(start, None)
    }

    /// The end of the chain whose firing `start` may be the last.
    pub(super) fn end_at_or_after(self, start: Stretch) -> End {
        let end = |at| End {
            at,
            before: start,
            fewest_waits: 0,
        };
        match self.passed(start, self.before_start, 0) {
            Passed::Surely => end(start),
            Passed::Perhaps { then, otherwise } => self.follow(otherwise, Some(end(then))),
            Passed::Not => self.follow(start, None),
        }
    }

    fn follow(mut self, start: Stretch, mut found: Option<End>) -> End {
        let mut at = start;
        let mut waits = 0;
        loop {
            waits += self.skip(&mut at, waits) + 1;
            let before = at;
            let wait = self.waits.take();
            at = self.next(before, wait);
            let passed = self.passed(at, wait, waits);
            let part = match &passed {
                Passed::Not => continue,
                Passed::Perhaps { then, .. } => *then,
                Passed::Surely => at,
            };
            let before = self.before(before, wait, waits);
            let end = match found {
                Some(end) => End {
                    at: end.at.or(part),
                    before: end.before.or(before),
                    ..end
                },
                None => End {
                    at: part,
                    before,
                    fewest_waits: waits,
                },
            };
            match passed {
                // From here on the last firing possible stays the last, and the first only comes
                // closer to it.
                Passed::Perhaps { .. } if self.is_steady() && found == Some(end) => return end,
                Passed::Perhaps { otherwise, .. } => at = otherwise,
                Passed::Surely | Passed::Not => return end,
            }
            found = Some(end);
        }
    }

    /// Where the firing at `at` lies if the next, after `wait`, is the last: not further from the
    /// limit than that wait.
    fn before(&self, at: Stretch, wait: Stretch, waits: u64) -> Stretch {
        let by_time = self
            .limit
            .filter(|_| waits < self.most_waits && self.longest_passed(wait, waits) == Some(false));
        let least = by_time.map_or(at.first, |limit| {
            limit.first - self.fuzz - wait.last - granularity(wait.last) - 1
        });
        Stretch::between(at.first.max(least.min(at.last)), at.last)
    }

    /// Whether nothing but the limit ends the chain, and no wait is longer than the one before.
    fn is_steady(&self) -> bool {
        self.waits.settled().is_some() && self.most_waits == u64::MAX
    }

    /// Whether the longest wait is over; `None`: perhaps.
    fn longest_passed(&self, wait: Stretch, waits: u64) -> Option<bool> {
        match self.longest {
            Some(longest) if waits >= longest.not_before && wait.last >= longest.wait => {
                (longest.surely && wait.first >= longest.wait).then_some(true)
            }
            _ => Some(false),
        }
    }

    /// The firing after the one at `at`.
    fn next(&self, at: Stretch, wait: Stretch) -> Stretch {
        let Some(limit) = self.limit.filter(|_| self.clipped) else {
            return self.wheel.fire_any(at, wait);
        };
        if self.wheel.knows_phase() && at.is_exact() && limit.is_exact() && wait.is_exact() {
            let left = (limit.first - at.first).max(1);
            return self.wheel.fire(at, wait.first.min(left));
        }
        let shortest = |left: i64| wait.first.min(left.max(1));
        let cut = |left: i64| wait.last.min(left.max(1));
        // The sum of a moment and its cut wait grows with the moment, so the ends give the ends.
        // What is left is computed by the finer clock too.
        let (first, last) = (limit.first - self.fuzz, limit.last + self.fuzz);
        Stretch::between(
            at.first + shortest(first - at.first) + 1,
            at.last + cut(last - at.last) + granularity(cut(last - at.first)) + 1,
        )
    }

    fn passed(&self, at: Stretch, wait: Stretch, waits: u64) -> Passed {
        let longest = self.longest_passed(wait, waits);
        if waits >= self.most_waits || longest == Some(true) {
            return Passed::Surely;
        }
        let limit = self.limit.unwrap_or(Stretch::at(i64::MAX / 2));
        let (first, last) = (limit.first - self.fuzz, limit.last + self.fuzz);
        if at.first >= last {
            Passed::Surely
        } else if longest.is_none() {
            Passed::Perhaps {
                then: at,
                otherwise: Stretch::between(at.first, at.last.min(last - 1)),
            }
        } else if at.last >= first {
            Passed::Perhaps {
                then: Stretch::between(at.first.max(first), at.last),
                otherwise: Stretch::between(at.first, at.last.min(last - 1)),
            }
        } else {
            Passed::Not
        }
    }

    /// Jumps over firings that cannot reach the limit once the waits are equal: a user timeout of
    /// weeks with probes a second apart would take millions of rounds. Returns how many it jumped
    /// over.
    ///
    /// From a firing on, equal waits take equal time: it lies on a slot, and so does the next.
    fn skip(&self, at: &mut Stretch, waited: u64) -> u64 {
        let (Some(wait), Some(limit), None) = (self.waits.settled(), self.limit, self.longest)
        else {
            return 0;
        };
        // Few firings cost less to follow than to jump over.
        if (limit.first - at.last) / wait < 16 {
            return 0;
        }
        let step = |from: Stretch| {
            let to = self.wheel.fire(from, wait);
            (to.first - from.first, to.last - from.last)
        };
        let (first, last) = step(*at);
        if (first, last) != step(self.wheel.fire(*at, wait)) {
            return 0;
        }
        let most = i64::try_from(self.most_waits - waited).unwrap_or(i64::MAX);
        let rounds = ((limit.first - at.last) / last - 3).min(most - 1).max(0);
        at.first += first * rounds;
        at.last += last * rounds;
        u64::try_from(rounds).unwrap_or(0)
    }
}

enum Passed {
    Not,
    Perhaps {
        /// Where the firing lies if it is the last.
        then: Stretch,
        /// Where it lies if it is not.
        otherwise: Stretch,
    },
    Surely,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(wheel: Wheel, limit: i64, waits: Waits) -> Chain {
        Chain::until(wheel, waits, Stretch::at(limit))
    }

    #[test]
    fn the_limit_is_noticed_at_the_first_firing_after_it() {
        // Waits of 250 jiffies take 256 from slot to slot: 256, 512, 768, 1024.
        let chain = chain(
            Wheel::new(250, Some(0)),
            1000,
            Waits::constant(Stretch::at(250)),
        );
        let end = chain.end_after(Stretch::at(0));
        assert_eq!((end.at, end.fewest_waits), (Stretch::at(1024), 4));
    }

    #[test]
    fn lateness_can_make_the_end_earlier_than_the_nominal_one() {
        // Nominal firings at 250 k: the first past 1020 is 1250. Late ones reach it with the fourth
        // wait.
        let chain = chain(
            Wheel::new(250, None),
            1020,
            Waits::constant(Stretch::at(250)),
        );
        let end = chain.end_after(Stretch::at(0));
        assert_eq!(end.at, Stretch::between(1020, 1019 + 250 + 8 + 1));
        assert_eq!(end.fewest_waits, 4);
    }

    #[test]
    fn a_clipped_wait_ends_right_after_the_limit() {
        for phase in [None, Some(77)] {
            let chain = chain(
                Wheel::new(250, phase),
                1000,
                Waits::doubling(Stretch::at(100), Stretch::at(30_000)),
            )
            .clipped(true);
            let end = chain.end_after(Stretch::at(0));
            assert!(end.at.first > 1000 && end.at.last <= 1000 + 64, "{end:?}");
        }
    }

    #[test]
    fn a_start_past_the_limit_is_the_end_only_if_it_may_be() {
        let chain = chain(
            Wheel::new(250, Some(0)),
            100,
            Waits::constant(Stretch::at(250)),
        );
        assert_eq!(chain.end_at_or_after(Stretch::at(200)).at, Stretch::at(200));
        assert_eq!(chain.end_after(Stretch::at(200)).at, Stretch::at(456));
        let both = chain.end_at_or_after(Stretch::between(50, 200));
        assert_eq!((both.at.first, both.fewest_waits), (100, 0));
    }

    #[test]
    fn a_count_ends_the_chain_before_its_limit() {
        let chain = chain(
            Wheel::new(250, Some(0)),
            1_000_000,
            Waits::constant(Stretch::at(250)),
        )
        .at_most(3);
        assert_eq!(chain.end_after(Stretch::at(0)).at, Stretch::at(768));
    }

    #[test]
    fn skipping_changes_nothing() {
        for phase in [3, 1_000_003, 77_777] {
            let wheel = Wheel::new(250, Some(phase));
            for limit in [5_000, 40_001, 123_456] {
                let mut at = Stretch::at(0);
                let mut waits = 0;
                while at.first < limit {
                    at = wheel.fire(at, 250);
                    waits += 1;
                }
                let end = chain(wheel, limit, Waits::constant(Stretch::at(250)))
                    .end_after(Stretch::at(0));
                assert_eq!((end.at, end.fewest_waits), (at, waits));
            }
        }
    }

    #[test]
    fn a_limit_of_weeks_is_found_at_once() {
        let three_weeks = 21 * 86_400 * 250;
        for phase in [None, Some(5)] {
            let chain = chain(
                Wheel::new(250, phase),
                three_weeks,
                Waits::constant(Stretch::at(250)),
            );
            let end = chain.end_after(Stretch::at(0));
            assert!(end.at.first >= three_weeks && end.at.last <= three_weeks + 259);
        }
    }
}
