//! A clock that makes a descriptor readable (timerfd_create(2)).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::{Result, door};

/// A descriptor that becomes readable at a moment of `CLOCK_MONOTONIC`.
#[derive(Debug)]
#[doc(alias = "timerfd")]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// Makes one that is not set, closed on exec.
    pub fn new() -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let create = || timerfd_create(TimerfdClockId::Monotonic, flags);
        door::call("timerfd_create", create).map(Self)
    }

    /// Sets it to a moment of [`monotonic`](crate::clock::monotonic), in the past included; `None`
    /// switches it off. It is not readable any more until then.
    pub fn set(&self, at: Option<Duration>) -> Result<()> {
        // Zero would switch it off.
        let at = at.map(|at| at.max(Duration::from_nanos(1)));
        let value = Itimerspec {
            it_interval: Timespec::default(),
            it_value: at
                .and_then(|at| Timespec::try_from(at).ok())
                .unwrap_or_default(),
        };
        let set = || timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &value);
        door::call("timerfd_settime", set).map(drop)
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
