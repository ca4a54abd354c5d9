//! The one loop that waits for the work of the host.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use deadpeer_host::Work;
use deadpeer_sys::SysError;
use deadpeer_sys::signals::{Interruption, Second, that_end};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::exit::Stop;

/// How driving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The work is done.
    Done,
    /// A signal came while the work had nothing to do.
    Interrupted,
}

/// How long nothing is shown at most.
const SHOWN_EVERY: Duration = Duration::from_millis(100);

/// Does work to its end, or until a signal comes. While it waits, `shown` is called several times a
/// second.
pub(crate) fn drive<W: Work>(
    work: &mut W,
    interruption: Option<&Interruption>,
    mut shown: impl FnMut(&W, Instant),
) -> Result<Ended, W::Error> {
    while let Some(due) = work.poll_timeout() {
        let now = Instant::now();
        if due <= now {
            work.handle_timeout(now)?;
            continue;
        }
        if interruption.is_some_and(Interruption::came) {
            return Ok(Ended::Interrupted);
        }
        shown(work, now);
        pause((due - now).min(SHOWN_EVERY), interruption);
    }
    Ok(Ended::Done)
}

/// Waits for so long, or until a signal comes. Whether one came.
pub(crate) fn pause(time: Duration, interruption: Option<&Interruption>) -> bool {
    let until = Instant::now() + time;
    loop {
        if interruption.is_some_and(Interruption::came) {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let mut fds: Vec<PollFd<'_>> = interruption
            .map(|interruption| PollFd::from_borrowed_fd(interruption.as_fd(), PollFlags::IN))
            .into_iter()
            .collect();
        // What fails is EINTR alone: then it was shorter.
        let _ = poll(&mut fds, Timespec::try_from(left).ok().as_ref());
    }
}

/// Notes the first signal that would end this from now on.
pub(crate) fn interruption(second: Second) -> Result<Interruption, Stop> {
    let signals: Vec<_> = that_end().collect();
    Interruption::watch(&signals, second).map_err(unwatched)
}

/// Signals can't be watched.
pub(crate) fn unwatched(error: SysError) -> Stop {
    Stop::because(format!("cannot watch for signals: {error}"))
}
