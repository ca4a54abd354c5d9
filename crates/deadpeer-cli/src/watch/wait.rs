//! Waiting for deaths, for a signal to end, and for the reader of our output to go away.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use deadpeer_sys::Errno;
use deadpeer_sys::signals::{Interruption, Second};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::drive::interruption;
use crate::exit::Stop;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// There is something to read.
    Ready,
    /// The time is over.
    Elapsed,
    /// A signal asked us to end.
    Interrupted,
    /// Nobody reads our output any more.
    NobodyReads,
}

/// Signals to end, and the rest.
pub(super) struct Wait {
    signals: Interruption,
}

impl Wait {
    /// From now on the signals end no process.
    pub(super) fn open() -> Result<Self, Stop> {
        let signals = interruption(Second::IsNoted)?;
        Ok(Self { signals })
    }

    /// Waits until there is something to read, or the time is over.
    pub(super) fn on(
        &self,
        sources: &[Option<BorrowedFd<'_>>],
        limit: Option<Duration>,
    ) -> Result<Woken, Stop> {
        self.wait(sources, limit)
    }

    /// Waits for this time and lets deaths come together.
    pub(super) fn pause(&self, time: Duration) -> Result<Woken, Stop> {
        self.wait(&[], Some(time))
    }

    fn wait(
        &self,
        sources: &[Option<BorrowedFd<'_>>],
        limit: Option<Duration>,
    ) -> Result<Woken, Stop> {
        let stdout = io::stdout();
        let mut fds = vec![
            PollFd::new(&self.signals, PollFlags::IN),
            // Of a pipe that nobody reads the kernel says so without being asked.
            PollFd::new(&stdout, PollFlags::empty()),
        ];
        let sources = sources.iter().flatten();
        fds.extend(sources.map(|source| PollFd::from_borrowed_fd(*source, PollFlags::IN)));
        let timeout = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Woken::Elapsed),
            Err(error) => return Err(Stop::because(format!("cannot wait: {error}"))),
        }
        let happened = |place: usize| {
            let fd = fds.get(place);
            fd.map_or(PollFlags::empty(), PollFd::revents)
        };
        let gone = PollFlags::ERR | PollFlags::HUP;
        Ok(if !happened(0).is_empty() {
            Woken::Interrupted
        } else if happened(1).intersects(gone) {
            Woken::NobodyReads
        } else if fds.iter().skip(2).any(|fd| !fd.revents().is_empty()) {
            Woken::Ready
        } else {
            Woken::Elapsed
        })
    }
}
