//! The kernel's jiffies as a function of `CLOCK_MONOTONIC`.

use std::fmt;
use std::time::Duration;

use rustix::io::Errno;

use super::timer_list::TimerList;
use super::{monotonic, tick};

/// How many clear readings must agree.
const AGREEING: usize = 3;
/// How many ticks the readings may take together. Most are clear: they take a fraction of a tick.
const PATIENCE_TICKS: u64 = 20;

/// Tells which jiffy the kernel is in at any moment of `CLOCK_MONOTONIC`.
///
/// A jiffy starts on a fixed grid of that clock, one tick of whole nanoseconds after the other, and
/// the kernel makes up for ticks it slept through (kernel/time/tick-sched.c,
/// `tick_do_update_jiffies64`): so one calibration holds until the next boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JiffiesClock {
    tick_ns: u64,
    /// The start of a jiffy, less than a tick after the clock's 0.
    phase_ns: u64,
    /// The number of the jiffy that starts at `phase_ns`, modulo 2^64.
    first: u64,
}

/// A moment in jiffies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JiffyInstant {
    /// The kernel's `jiffies`; on 32-bit kernels the low 32 bits of it.
    pub jiffy: u64,
    /// How much of that jiffy has passed, less than a tick.
    pub into: Duration,
}

/// Why the jiffies cannot be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JiffiesError {
    /// `/proc/timer_list` cannot be read. `EACCES`: needs root; `ENOENT`: the kernel shows none.
    File(Errno),
    /// `/proc/timer_list` has no tick or no counter where this crate looks for them.
    NoTick,
    /// The length of a tick is not known ([`hz`](super::hz)).
    NoRate,
    /// The readings contradict each other, or the file's clock is not ours (a time namespace).
    Inconsistent,
}

impl std::error::Error for JiffiesError {}

impl fmt::Display for JiffiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(errno) => write!(f, "read /proc/timer_list: {errno}"),
            Self::NoTick => f.write_str("/proc/timer_list shows no tick"),
            Self::NoRate => f.write_str("the kernel does not tell its tick"),
            Self::Inconsistent => {
                f.write_str("/proc/timer_list contradicts itself or CLOCK_MONOTONIC")
            }
        }
    }
}

impl JiffiesClock {
    /// Finds the number and the phase of the running kernel's jiffies. Needs root; takes a few
    /// milliseconds.
    ///
    /// `/proc/timer_list` is read until three readings agree, each of which began and ended in the
    /// last three quarters of the same jiffy. A tick that is served late leaves the counter behind,
    /// never ahead: the highest wins.
    ///
    /// # Errors
    /// See [`JiffiesError`]; the common one is `EACCES` for everybody but root.
    pub fn calibrate() -> Result<Self, JiffiesError> {
        let tick_ns = nanos(tick().ok_or(JiffiesError::NoRate)?);
        let mut clear: Vec<Self> = Vec::new();
        let deadline_ns = now_ns() + PATIENCE_TICKS * tick_ns;
        loop {
            let before_ns = now_ns();
            if before_ns > deadline_ns {
                return Err(JiffiesError::Inconsistent);
            }
            let list = TimerList::read()
                .map_err(|error| {
                    JiffiesError::File(Errno::from_io_error(&error).unwrap_or(Errno::IO))
                })?
                .ok_or(JiffiesError::NoTick)?;
            let after_ns = now_ns();
            if !(before_ns..=after_ns).contains(&list.now_ns) {
                return Err(JiffiesError::Inconsistent);
            }
            clear.extend(Self::from_reading(&list, after_ns, tick_ns));
            let Some(best) = clear.iter().copied().max_by_key(|clock| clock.first) else {
                continue;
            };
            if clear.iter().any(|clock| clock.phase_ns != best.phase_ns) {
                return Err(JiffiesError::Inconsistent);
            }
            if clear.iter().filter(|clock| **clock == best).count() >= AGREEING {
                return Ok(best);
            }
        }
    }

    /// The moment in jiffies that belongs to a moment of [`monotonic`].
    #[must_use]
    pub fn at(&self, monotonic: Duration) -> JiffyInstant {
        let since_ns = nanos(monotonic).saturating_sub(self.phase_ns);
        JiffyInstant {
            jiffy: self.first.wrapping_add(since_ns / self.tick_ns),
            into: Duration::from_nanos(since_ns % self.tick_ns),
        }
    }

    /// The moment of [`monotonic`] at which a jiffy starts; `None` for one before the machine's
    /// start.
    #[must_use]
    pub fn start_of(&self, jiffy: u64) -> Option<Duration> {
        let ticks = jiffy.checked_sub(self.first)?;
        let since_ns = ticks.checked_mul(self.tick_ns)?;
        Some(Duration::from_nanos(since_ns.checked_add(self.phase_ns)?))
    }

    /// The length of a jiffy.
    #[must_use]
    pub fn tick(&self) -> Duration {
        Duration::from_nanos(self.tick_ns)
    }

    /// A clock from one reading that ended at `after_ns`, unless a jiffy ended meanwhile or had
    /// just begun.
    fn from_reading(list: &TimerList, after_ns: u64, tick_ns: u64) -> Option<Self> {
        let phase_ns = list.tick_ns % tick_ns;
        let since_ns = list.now_ns.checked_sub(phase_ns)?;
        let ticks = since_ns / tick_ns;
        let settled = since_ns % tick_ns >= tick_ns / 4;
        let whole = after_ns.checked_sub(phase_ns)? / tick_ns == ticks;
        (settled && whole).then(|| Self {
            tick_ns,
            phase_ns,
            first: list.jiffies.wrapping_sub(ticks),
        })
    }
}

fn now_ns() -> u64 {
    nanos(monotonic())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 4_000_000;
    const LIST: TimerList = TimerList {
        now_ns: 1_201_222_770_648,
        tick_ns: 1_201_224_000_000,
        jiffies: 4_295_192_538,
    };

    #[test]
    fn a_clear_reading_gives_the_clock() {
        let clock = JiffiesClock::from_reading(&LIST, LIST.now_ns + 400_000, TICK).unwrap();
        assert_eq!(
            clock.at(Duration::from_nanos(LIST.now_ns)),
            JiffyInstant {
                jiffy: LIST.jiffies,
                into: Duration::from_nanos(2_770_648),
            }
        );
        // The tick that the reading announced starts the next jiffy.
        let next = Duration::from_nanos(LIST.tick_ns);
        assert_eq!(clock.start_of(LIST.jiffies + 1), Some(next));
        assert_eq!(clock.at(next).jiffy, LIST.jiffies + 1);
        assert_eq!(clock.at(next).into, Duration::ZERO);
        let before = clock.at(next - Duration::from_nanos(1));
        assert_eq!(before.jiffy, LIST.jiffies);
        assert_eq!(before.into, clock.tick() - Duration::from_nanos(1));
    }

    #[test]
    fn a_reading_across_a_tick_proves_nothing() {
        assert!(JiffiesClock::from_reading(&LIST, LIST.tick_ns, TICK).is_none());
        assert!(JiffiesClock::from_reading(&LIST, LIST.tick_ns - 1, TICK).is_some());
    }

    #[test]
    fn the_start_of_a_jiffy_is_too_early_to_trust_the_counter() {
        let reading = |into_ns| {
            let now_ns = LIST.tick_ns - TICK + into_ns;
            JiffiesClock::from_reading(&TimerList { now_ns, ..LIST }, now_ns, TICK)
        };
        assert_eq!(reading(0), None);
        assert_eq!(reading(TICK / 4 - 1), None);
        assert!(reading(TICK / 4).is_some());
    }

    #[test]
    fn a_grid_that_is_no_multiple_of_the_tick() {
        let list = TimerList {
            tick_ns: LIST.tick_ns + 1_234_567,
            ..LIST
        };
        let clock = JiffiesClock::from_reading(&list, list.now_ns, TICK).unwrap();
        let at = clock.at(Duration::from_nanos(list.tick_ns + 3));
        assert_eq!(at.into, Duration::from_nanos(3));
        assert_eq!(
            clock.start_of(at.jiffy),
            Some(Duration::from_nanos(list.tick_ns))
        );
    }

    #[test]
    fn jiffies_before_the_start() {
        let clock = JiffiesClock::from_reading(&LIST, LIST.now_ns, TICK).unwrap();
        assert_eq!(clock.start_of(0), None);
        assert_eq!(clock.start_of(u64::MAX), None);
    }
}
