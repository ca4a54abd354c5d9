//! A clock that makes a descriptor readable (timerfd_create(2)).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::{Result, SysError};

/// A descriptor that becomes readable at a moment of `CLOCK_MONOTONIC`.
#[derive(Debug)]
#[doc(alias = "timerfd")]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// Makes one that is not set, closed on exec.
    pub fn new() -> Result<Self> {
        timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )
        .map(Self)
        .map_err(SysError::of("timerfd_create"))
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
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &value)
            .map(drop)
            .map_err(SysError::of("timerfd_settime"))
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
