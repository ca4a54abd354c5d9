//! Removing a cgroup whose last process may still be on its way out.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use deadpeer_sys::Errno;

use super::directory::Directory;
use crate::work::Work;

/// A process that has just ended leaves its cgroup a moment later: so often, and so long apart, it
/// is tried.
const TRIES: u32 = 20;
const APART: Duration = Duration::from_millis(5);

/// The end of a [`ProtectedCgroup`](super::ProtectedCgroup): its rule holds no more, and its
/// directory is removed.
#[derive(Debug)]
pub struct Removal {
    directory: Directory,
    tries: u32,
    next: Option<Instant>,
    removed: bool,
}

impl Removal {
    pub(super) fn of(directory: Directory, now: Instant) -> Self {
        Self {
            directory,
            tries: 0,
            next: Some(now),
            removed: false,
        }
    }

    /// Whether it is gone. If not, programs still run in it, so it stays for now, and their new
    /// connections are not protected any more.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.removed
    }
}

impl Work for Removal {
    type Error = Infallible;

    fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Infallible> {
        if self.next.is_none_or(|next| now < next) {
            return Ok(());
        }
        self.tries += 1;
        let removed = self.directory.remove();
        let again = removed == Err(Errno::BUSY) && !self.directory.has_processes();
        self.next = (again && self.tries < TRIES).then(|| now + APART);
        self.removed = removed.is_ok();
        Ok(())
    }
}
