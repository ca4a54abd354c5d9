//! Waiting for deaths, for a signal to end, and for the reader of our output to go away.

use crate::exit::Stop;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

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

/// Signals to end, as a descriptor.
pub(super) struct Wait {
    signals: UnixStream,
}

impl Wait {
    /// From now on the signals end no process.
    pub(super) fn open() -> Result<Self, Stop> {
        let watched = || {
            let (signals, write) = UnixStream::pair()?;
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
            }
            Ok(Self { signals })
        };
        watched()
            .map_err(|error: io::Error| Stop::because(format!("cannot watch for signals: {error}")))
    }

    /// Waits until there is something to read, or the time is over.
    pub(super) fn on(&self, source: impl AsFd, within: Option<Duration>) -> Result<Woken, Stop> {
        self.wait(Some(source.as_fd()), within)
    }

    /// Waits for this time and lets deaths come together.
    pub(super) fn pause(&self, time: Duration) -> Result<Woken, Stop> {
        self.wait(None, Some(time))
    }

    fn wait(
        &self,
        source: Option<BorrowedFd<'_>>,
        within: Option<Duration>,
    ) -> Result<Woken, Stop> {
        let stdout = io::stdout();
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            // Of a pipe that nobody reads the kernel says so without being asked.
            PollFd::new(stdout.as_fd(), PollFlags::empty()),
        ];
        fds.extend(source.map(|source| PollFd::new(source, PollFlags::POLLIN)));
        match poll(&mut fds, timeout(within)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Woken::Elapsed),
            Err(error) => return Err(Stop::because(format!("cannot wait: {error}"))),
        }
        let happened = |place: usize| {
            let events = fds.get(place).and_then(PollFd::revents);
            events.unwrap_or(PollFlags::empty())
        };
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
        Ok(if !happened(0).is_empty() {
            Woken::Interrupted
        } else if happened(1).intersects(gone) {
            Woken::NobodyReads
        } else if !happened(2).is_empty() {
            Woken::Ready
        } else {
            Woken::Elapsed
        })
    }
}

/// Rounded up: a wait that ends too early would be repeated at once, again and again.
fn timeout(within: Option<Duration>) -> PollTimeout {
    let Some(within) = within else {
        return PollTimeout::NONE;
    };
    let ms = within.as_nanos().div_ceil(1_000_000);
    i32::try_from(ms)
        .ok()
        .and_then(|ms| PollTimeout::try_from(ms).ok())
        .unwrap_or(PollTimeout::MAX)
}
