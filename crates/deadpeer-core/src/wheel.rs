//! The kernel's timer wheel, which rounds every wait up by as much as an eighth.
//!
//! Source: kernel/time/timer.c, `calc_wheel_index` and its head comment. A timer that must wait `d`
//! jiffies goes to the lowest level `l` with `d < 63 << 3l`, whose slots are `8^l` jiffies apart,
//! and fires at the slot after its expiry. Lateness adds up from stage to stage: a forecast that
//! ignores it is 15 s off at a keepalive of 300 s.
//!
//! Where the kernel's jiffies are known at one moment, firing times follow exactly. Where they
//! aren't, a moment is a [`Stretch`]: every jiffy it can fall on.

use std::time::Duration;

/// The number of wheel levels above the first (`LVL_DEPTH` - 1).
const TOP_LEVEL: u32 = 8;

/// A timer whose jiffy has come may be served in the next: the softirq waits for its turn.
const SERVED_LATE: i64 = 1;

/// The clock rates Linux can be built with (kernel/Kconfig.hz).
pub const CLOCK_RATES: [u32; 4] = [100, 250, 300, 1000];

/// The jiffies on which a moment can fall, both ends included, counted from the snapshot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first jiffy it can be.
    pub first: i64,
    /// The last jiffy it can be.
    pub last: i64,
}

impl Stretch {
    /// The moment is known to the jiffy.
    #[must_use]
    pub fn at(jiffy: i64) -> Self {
        Self {
            first: jiffy,
            last: jiffy,
        }
    }

    /// Anywhere from `first` to `last`.
    #[must_use]
    pub fn between(first: i64, last: i64) -> Self {
        Self {
            first,
            last: last.max(first),
        }
    }

    /// Either of two moments.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Both ends moved by `jiffies`.
    #[must_use]
    pub fn plus(self, jiffies: i64) -> Self {
        self.then(Self::at(jiffies))
    }

    /// A moment `other` later, where both are uncertain on their own.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        self.both(other, i64::saturating_add)
    }

    /// The lesser of two, where one grows with the other.
    #[must_use]
    pub fn lesser_of(self, other: Self) -> Self {
        self.both(other, i64::min)
    }

    /// The greater of two, where one grows with the other.
    #[must_use]
    pub fn greater_of(self, other: Self) -> Self {
        self.both(other, i64::max)
    }

    /// Both ends, or `jiffies` where that is less.
    #[must_use]
    pub fn at_most(self, jiffies: i64) -> Self {
        self.lesser_of(Self::at(jiffies))
    }

    /// Both ends, or `jiffies` where that is more.
    #[must_use]
    pub fn at_least(self, jiffies: i64) -> Self {
        self.greater_of(Self::at(jiffies))
    }

    /// Both ends doubled `times` times.
    #[must_use]
    pub fn doubled(self, times: u32) -> Self {
        self.both(Self::at(1 << times.min(40)), i64::saturating_mul)
    }

    /// The one of two moments that can be later.
    #[must_use]
    pub fn later_of(self, other: Self) -> Self {
        if other.last > self.last { other } else { self }
    }

    /// The first jiffies of two, and the last ones.
    fn both(self, other: Self, of: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            first: of(self.first, other.first),
            last: of(self.last, other.last),
        }
    }

    /// Whether only one jiffy is possible.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.first == self.last
    }
}

/// A kernel's wheel: its clock rate and, where known, the jiffies counter at the moment of the
/// snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wheel {
    hz: u32,
    phase: Option<u64>,
}

impl Wheel {
    /// A wheel turning `hz` times a second (at least once); `phase` is the jiffies counter at the
    /// snapshot.
    #[must_use]
    pub fn new(hz: u32, phase: Option<u64>) -> Self {
        Self {
            hz: hz.max(1),
            phase,
        }
    }

    /// The same wheel, its phase forgotten.
    #[must_use]
    pub fn blurred(self) -> Self {
        Self {
            phase: None,
            ..self
        }
    }

    /// Whether firing times can be told to the jiffy.
    #[must_use]
    pub fn knows_phase(self) -> bool {
        self.phase.is_some()
    }

    /// When a timer armed at `armed` for `wait` jiffies fires.
    #[must_use]
    pub fn fire(self, armed: Stretch, wait: i64) -> Stretch {
        let wait = wait.max(0);
        match self.phase {
            Some(_) => Stretch {
                first: self.slot_after(armed.first.saturating_add(wait), level(wait)),
                last: self.slot_after(armed.last.saturating_add(wait), level(wait)),
            },
            None => armed.plus(wait).then(Stretch {
                first: 1,
                last: granularity(wait) + SERVED_LATE,
            }),
        }
    }

    /// When a timer armed at `armed` fires whose wait may be any of `waits`.
    #[must_use]
    pub fn fire_any(self, armed: Stretch, waits: Stretch) -> Stretch {
        if waits.is_exact() {
            return self.fire(armed, waits.first);
        }
        Stretch::between(
            self.fire(armed, waits.first).first,
            self.fire(armed, waits.last).last,
        )
    }

    /// When a pending timer fires whose unrounded expiry is `expires`, and which was armed for
    /// at least `shortest` and at most `longest` jiffies.
    ///
    /// The level, and so the rounding, follows from the wait, which sock_diag does not show.
    #[must_use]
    pub fn pending(self, expires: i64, shortest: i64, longest: i64) -> Stretch {
        let levels = level(shortest.max(0))..=level(longest.max(shortest).max(0));
        levels
            .map(|level| self.pending_in(expires, level))
            .reduce(Stretch::or)
            .unwrap_or(Stretch::at(expires))
    }

    /// When a pending timer fires whose unrounded expiry is `expires`, and which waits in `level`.
    #[must_use]
    pub fn pending_in(self, expires: i64, level: u32) -> Stretch {
        let level = level.min(TOP_LEVEL);
        match self.phase {
            Some(_) => Stretch::at(self.slot_after(expires, level)),
            None => Stretch::between(
                expires.saturating_add(1),
                expires.saturating_add(1 << (3 * level)),
            ),
        }
    }

    /// The first slot of `level` after the jiffy `expires`.
    fn slot_after(self, expires: i64, level: u32) -> i64 {
        let phase = self.phase.unwrap_or(0) as i64;
        let shift = 3 * level;
        let absolute = phase.wrapping_add(expires);
        (((absolute >> shift) + 1) << shift).wrapping_sub(phase)
    }

    /// Jiffies in `seconds`, as `seconds * HZ`.
    #[must_use]
    pub fn seconds(self, seconds: u32) -> i64 {
        i64::from(seconds) * i64::from(self.hz)
    }

    /// Jiffies in `ms` milliseconds, rounded up (`msecs_to_jiffies`).
    #[must_use]
    pub fn millis(self, ms: u32) -> i64 {
        (i64::from(ms) * i64::from(self.hz)).div_euclid(1000)
            + i64::from((u64::from(ms) * u64::from(self.hz)) % 1000 != 0)
    }

    /// Jiffies in `duration`, rounded up (`usecs_to_jiffies`).
    #[must_use]
    pub fn jiffies(self, duration: Duration) -> i64 {
        let ticks = (duration.as_micros() * u128::from(self.hz)).div_ceil(1_000_000);
        i64::try_from(ticks).unwrap_or(i64::MAX / 4)
    }

    /// The time that `jiffies` take; nothing for negative counts.
    #[must_use]
    pub fn time(self, jiffies: i64) -> Duration {
        let jiffies = u64::try_from(jiffies).unwrap_or(0);
        let hz = u64::from(self.hz);
        Duration::new(jiffies / hz, ((jiffies % hz) * 1_000_000_000 / hz) as u32)
    }
}

/// How late, in jiffies, a timer armed for `wait` jiffies can fire at most.
#[must_use]
pub fn granularity(wait: i64) -> i64 {
    1 << (3 * level(wait))
}

/// The wheel level of a wait: the lowest `l` with `wait < 63 << 3l`.
fn level(wait: i64) -> u32 {
    (0..TOP_LEVEL)
        .find(|l| wait < 63 << (3 * l))
        .unwrap_or(TOP_LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At HZ 250: late by at most 4 ms under 0.25 s, 32 ms under 2 s, 256 ms under 16 s, 2 s under
    /// 129 s, 16 s under 1032 s.
    #[test]
    fn lateness_grows_eightfold_from_level_to_level() {
        let wheel = Wheel::new(250, None);
        let late = |ms: u32| wheel.time(granularity(wheel.millis(ms))).as_millis();
        assert_eq!(late(248), 4);
        assert_eq!(late(2_012), 32);
        assert_eq!(late(16_124), 256);
        assert_eq!(late(129_020), 2_048);
        assert_eq!(late(1_032_188), 16_384);
        assert_eq!(late(1_032_192), 131_072);
    }

    #[test]
    fn with_the_phase_known_a_timer_fires_at_the_slot_after_its_expiry() {
        // 250 jiffies are level 1: slots of 8. 1003 + 250 = 1253 lies in slot 156, the next begins
        // at 1256.
        let wheel = Wheel::new(250, Some(1003));
        assert_eq!(wheel.fire(Stretch::at(0), 250), Stretch::at(1256 - 1003));
        // An expiry on a slot's start still waits for the next one.
        let wheel = Wheel::new(250, Some(1000 - 250));
        assert_eq!(wheel.fire(Stretch::at(0), 250), Stretch::at(258));
    }

    #[test]
    fn every_phase_lies_within_the_stretch_of_an_unknown_phase() {
        for wait in [0, 1, 62, 63, 250, 503, 504, 2500, 4032, 30_000, 300_000] {
            let any = Wheel::new(250, None).fire(Stretch::at(7), wait);
            let mut seen = Vec::new();
            for phase in (0..300_000).step_by(37) {
                let exact = Wheel::new(250, Some(phase)).fire(Stretch::at(7), wait);
                assert!(exact.is_exact() && exact.first >= any.first && exact.last <= any.last);
                seen.push(exact.first);
            }
            assert!(
                wait > 30_000
                    || seen.contains(&(any.last - SERVED_LATE))
                    || granularity(wait) > 512
            );
        }
    }

    #[test]
    fn a_pending_timer_of_unknown_wait_may_sit_on_several_levels() {
        let wheel = Wheel::new(250, Some(0));
        assert_eq!(wheel.pending(100, 100, 250), Stretch::at(104));
        assert_eq!(wheel.pending(100, 100, 2500), Stretch::between(104, 128));
    }

    #[test]
    fn conversions_round_up_as_the_kernel_does() {
        let wheel = Wheel::new(250, None);
        assert_eq!(wheel.millis(1), 1);
        assert_eq!(wheel.millis(4), 1);
        assert_eq!(wheel.millis(5), 2);
        assert_eq!(wheel.jiffies(Duration::from_micros(200_030)), 51);
        assert_eq!(wheel.time(5), Duration::from_millis(20));
        assert_eq!(wheel.time(-5), Duration::ZERO);
    }
}
