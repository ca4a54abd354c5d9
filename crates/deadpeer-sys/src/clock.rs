//! The clocks that the kernel's timers follow.

use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::time::{ClockId, clock_getres};

mod jiffies;
mod timer_list;

pub use jiffies::{JiffiesClock, JiffiesError, JiffyInstant};

/// `CLOCK_MONOTONIC`: time since boot, standing still while the machine sleeps. The TCP timers
/// follow it.
#[must_use]
pub fn monotonic() -> Duration {
    read(libc::CLOCK_MONOTONIC)
}

/// `CLOCK_BOOTTIME`: time since boot, sleep included.
#[must_use]
pub fn boottime() -> Duration {
    read(libc::CLOCK_BOOTTIME)
}

/// `CLOCK_PROCESS_CPUTIME_ID`: how long the threads of this process have had a processor.
#[must_use]
pub fn of_process() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Timer interrupts a second (`CONFIG_HZ`) of the running kernel; `None` where it does not tell.
///
/// The resolution of `CLOCK_MONOTONIC_COARSE` is one tick (kernel/time/posix-timers.c,
/// `posix_get_coarse_res`), so no file and no privilege is needed. A kernel that answers something
/// that is no tick (gVisor) gives `None`.
#[must_use]
#[doc(alias = "CONFIG_HZ")]
pub fn hz() -> Option<u32> {
    hz_of_tick(tick()?)
}

/// The length of a tick; `None` where the kernel answers something that is none.
fn tick() -> Option<Duration> {
    let tick = clock_getres(ClockId::MonotonicCoarse);
    let tick = duration(tick.tv_sec, tick.tv_nsec);
    hz_of_tick(tick).map(|_| tick)
}

/// Linux has been built with 24 (Alpha's simulator) to 1200 ticks a second; ticks are whole
/// nanoseconds, so 300 Hz shows as 3333333 ns.
fn hz_of_tick(tick: Duration) -> Option<u32> {
    let tick_ns = u32::try_from(tick.as_nanos()).ok().filter(|ns| *ns > 0)?;
    let hz = (1_000_000_000 + tick_ns / 2) / tick_ns;
    (24..=1200).contains(&hz).then_some(hz)
}

/// By the C library: rustix looks for the kernel's shared code in memory by itself, where valgrind
/// has hidden it (rustix 1.1, `backend/linux_raw/param/auxv.rs`), and is killed by SIGSEGV.
fn read(clock: libc::clockid_t) -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` has room for a timespec. The call can't fail: all these clocks are there since
    // Linux 2.6.39 (clock_gettime(2)).
    unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    // SAFETY: zeros are a timespec, too.
    let time = unsafe { time.assume_init() };
    duration(time.tv_sec, time.tv_nsec)
}

fn duration(seconds: impl TryInto<u64>, nanoseconds: impl TryInto<u32>) -> Duration {
    // These clocks start at boot and carry less than a second of nanoseconds.
    Duration::new(
        seconds.try_into().unwrap_or(0),
        nanoseconds.try_into().unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_from_ticks() {
        for (ns, hz) in [
            (10_000_000, Some(100)),
            (4_000_000, Some(250)),
            (3_333_333, Some(300)),
            (1_000_000, Some(1000)),
            (833_333, Some(1200)),
            (1, None),
            (0, None),
            (1_000_000_000, None),
            (u64::MAX, None),
        ] {
            assert_eq!(hz_of_tick(Duration::from_nanos(ns)), hz, "{ns} ns");
        }
    }

    #[test]
    fn clocks_run_and_boottime_is_ahead() {
        let (mono, boot) = (monotonic(), boottime());
        assert!(mono > Duration::ZERO);
        assert!(boot >= mono);
        assert!(monotonic() >= mono);
    }
}
