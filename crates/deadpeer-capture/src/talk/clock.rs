//! The capture's clock, which may be set back while it runs.

use std::time::Duration;

use crate::Moment;

/// What goes back further is a clock that was set, not packets of several queues in the wrong
/// order.
const STEP: Duration = Duration::from_secs(1);

/// Packets of several queues are in the wrong order by less.
const DISORDER: Duration = Duration::from_millis(5);

/// Where nothing at all was captured for so long, two captures are in one file.
const APART: Duration = Duration::from_secs(30 * 86_400);

/// So many runs of the clock are told apart; those after it count as one.
const MOST_RUNS: usize = 256;

/// A clock that never goes back: after a step, later moments are moved on by as much.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    first: Option<Moment>,
    last: Option<Moment>,
    moved: Duration,
    /// How often it was set back.
    pub(super) steps: u32,
    /// How often what follows is another capture.
    pub(super) apart: u32,
    /// The last moment of each run before the latest.
    ends: Vec<Moment>,
    /// Whether the latest packet was stamped before the one that came before it.
    pub(super) went_back: bool,
    /// How many stamps were not those of the packets around them.
    broken: u64,
    /// How many of the latest packets may be such, or of another capture.
    held: u64,
    /// What it was before it went far away, if it did.
    before: Option<Before>,
}

/// A clock before it went further than between two packets of a capture.
#[derive(Debug, Clone, Copy)]
struct Before {
    last: Moment,
    moved: Duration,
    steps: u32,
    apart: u32,
    runs: usize,
    /// Packets since.
    packets: u64,
}

impl Clock {
    /// The moment of a packet; one without a time was captured when the one before it was.
    pub(super) fn read(&mut self, stamp: Option<Moment>) -> Moment {
        let now = match (stamp, self.last) {
            (None, last) => last.unwrap_or(Moment::FIRST),
            (Some(stamp), None) => stamp,
            (Some(stamp), Some(last)) => self.after(last, stamp),
        };
        self.first.get_or_insert(now);
        self.last = Some(now);
        now
    }

    fn after(&mut self, mut last: Moment, stamp: Moment) -> Moment {
        if let Some(before) = self.back_again(stamp) {
            last = before;
        }
        let now = stamp.plus(self.moved);
        let back = last.since(now);
        self.went_back = back >= DISORDER;
        if back > APART || now.since(last) > APART {
            self.before = Some(Before {
                last,
                moved: self.moved,
                steps: self.steps,
                apart: self.apart,
                runs: self.ends.len(),
                packets: 0,
            });
        }
        if back > STEP {
            self.steps = self.steps.saturating_add(1);
            self.end_run(last);
            self.moved += back;
        }
        if now.since(last) > APART {
            self.apart = self.apart.saturating_add(1);
            self.end_run(last);
        } else {
            self.broken += self.held;
        }
        self.held = 0;
        if let Some(before) = &mut self.before {
            before.packets += 1;
        }
        now.max(last)
    }

    /// Whether a packet goes on where the clock was before it went far away: then what was in
    /// between had stamps of a broken clock, and it is as if they had not been. Returns the last
    /// moment before.
    fn back_again(&mut self, stamp: Moment) -> Option<Moment> {
        let far = !is_near(self.last?, stamp.plus(self.moved));
        let back = |before: &mut Before| is_near(before.last, stamp.plus(before.moved));
        let before = self.before.take_if(|before| far && back(before))?;
        self.broken += before.packets;
        self.moved = before.moved;
        self.steps = before.steps;
        self.apart = before.apart;
        self.ends.truncate(before.runs);
        Some(before.last)
    }

    /// Whether the next packet is stamped so much later that either another capture begins with it
    /// or its stamp is wrong.
    pub(super) fn leaps(&self, stamp: Option<Moment>) -> bool {
        let (Some(stamp), Some(last)) = (stamp, self.last) else {
            return false;
        };
        let returns = |before: &Before| is_near(before.last, stamp.plus(before.moved));
        stamp.plus(self.moved).since(last) > APART && !self.before.as_ref().is_some_and(returns)
    }

    /// The moment of a packet whose stamp is wrong: that of the one before it.
    pub(super) fn hold(&mut self) -> Moment {
        self.held += 1;
        self.read(None)
    }

    /// How many stamps are those of a broken clock.
    pub(super) fn broken(&self) -> u64 {
        self.broken + self.held
    }

    fn end_run(&mut self, last: Moment) {
        if self.ends.len() < MOST_RUNS {
            self.ends.push(last);
        }
    }

    /// The number of the run between two steps in which the latest packet was captured.
    pub(super) fn run(&self) -> u16 {
        self.ends.len() as u16
    }

    /// The last packet of a run.
    pub(crate) fn end_of(&self, run: u16) -> Moment {
        let end = self.ends.get(usize::from(run)).copied();
        end.or(self.last).unwrap_or(Moment::FIRST)
    }

    /// From the first packet to the last.
    pub(super) fn span(&self) -> Option<(Moment, Moment)> {
        self.first.zip(self.last)
    }
}

fn is_near(one: Moment, other: Moment) -> bool {
    one.since(other).max(other.since(one)) <= APART
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn read(stamps: &[u64]) -> (Vec<u64>, u32) {
        let mut clock = Clock::default();
        let at = |s: &u64| clock.read(Some(Moment::from_nanos(*s))).nanos();
        let read = stamps.iter().map(at).collect();
        (read, clock.steps)
    }

    #[test]
    fn a_step_back_moves_what_follows() {
        let (read, steps) = read(&[100 * S, 101 * S, 50 * S, 52 * S, 53 * S]);
        assert_eq!(read, [100 * S, 101 * S, 101 * S, 103 * S, 104 * S]);
        assert_eq!(steps, 1);
    }

    #[test]
    fn a_little_disorder_is_no_step() {
        let (read, steps) = read(&[100 * S, 100 * S - 400, 101 * S]);
        assert_eq!((read, steps), (vec![100 * S, 100 * S, 101 * S], 0));
    }

    #[test]
    fn what_was_captured_months_later_is_a_run_of_its_own() {
        let mut clock = Clock::default();
        let at = |s| Some(Moment::from_nanos(s * S));
        for stamp in [1, 30 * 86_400, 90 * 86_400, 90 * 86_400 + 7] {
            clock.read(at(stamp));
        }
        assert_eq!((clock.run(), clock.apart, clock.steps), (1, 1, 0));
        assert_eq!(clock.end_of(0).nanos(), 30 * 86_400 * S);
        assert_eq!(clock.end_of(1).nanos(), (90 * 86_400 + 7) * S);
    }

    #[test]
    fn stamps_that_are_years_off_are_as_if_they_had_not_been() {
        let now = 1_700_000_000;
        let mut clock = Clock::default();
        let mut read = |s| clock.read(Some(Moment::from_nanos(s * S))).nanos() / S;
        assert_eq!(read(now), now);
        // 1970, twice, then as before; then far in the future, and as before.
        assert_eq!([5, 6, now + 5].map(&mut read), [now, now + 1, now + 5]);
        assert_eq!(read(now + 1_500_000_000), now + 1_500_000_000);
        assert_eq!(read(now + 6), now + 6);
        assert_eq!((clock.steps, clock.apart, clock.broken()), (0, 0, 3));
        assert_eq!(clock.run(), 0);
    }

    #[test]
    fn a_packet_without_a_time_has_its_predecessors() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(None), Moment::FIRST);
        let at = clock.read(Some(Moment::from_nanos(5 * S)));
        assert_eq!(clock.read(None), at);
        assert_eq!(clock.steps, 0);
    }
}
