//! A cgroup of our own: made, found by its lock, removed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use deadpeer_sys::{Errno, clock};
use rustix::fs::{Access, AtFlags, Dir, FlockOperation, Mode, OFlags};

/// What our cgroups are called, before the number of the process that made them.
const NAME: &str = "deadpeer-run-";

/// The directory of a cgroup. Dropped, it is removed, unless programs still run in it.
#[derive(Debug)]
pub(super) struct Directory {
    parent: OwnedFd,
    cgroup: OwnedFd,
    name: String,
}

impl Directory {
    /// Makes a cgroup that nobody takes for a leftover: we hold a lock on it as long as we live.
    /// Processes in other pid namespaces may have our number, so that alone would not tell.
    pub(super) fn make(parent: OwnedFd) -> Result<Self, Errno> {
        let mut last = Errno::AGAIN;
        for _ in 0..3 {
            let now = clock::boottime().as_nanos();
            let name = format!("{NAME}{}-{now:x}", std::process::id());
            rustix::fs::mkdirat(&parent, &name, Mode::from_raw_mode(0o755))?;
            match open_locked(&parent, &name) {
                Ok(cgroup) => {
                    return Ok(Self {
                        parent,
                        cgroup,
                        name,
                    });
                }
                // Somebody took it for a leftover in this very moment.
                Err(errno) => last = errno,
            }
        }
        Err(last)
    }

    /// `EBUSY`: a process is still in it, or on its way out.
    pub(super) fn remove(&self) -> Result<(), Errno> {
        remove(&self.parent, &self.name)
    }

    pub(super) fn has_processes(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&self.cgroup, c"cgroup.procs", flags, Mode::empty())
        else {
            return false;
        };
        rustix::io::read(file, &mut [0_u8; 1]).is_ok_and(|len| len > 0)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.cgroup.as_fd()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What still runs in it keeps it. Otherwise the next run removes what is left.
        let _ = self.remove();
    }
}

/// Removes empty cgroups whose makers were killed. One that programs still run in stays: it does
/// nothing.
pub(super) fn clean(parent: &OwnedFd) {
    let Ok(entries) = Dir::read_from(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy();
        if name.starts_with(NAME) && open_locked(parent, &name).is_ok() {
            let _ = remove(parent, &name);
        }
    }
}

/// Opens a cgroup that nobody has locked, and locks it until the descriptor is closed.
fn open_locked(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let cgroup = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    rustix::fs::flock(&cgroup, FlockOperation::NonBlockingLockExclusive)?;
    // Removed before it was locked?
    rustix::fs::accessat(parent, name, Access::EXISTS, AtFlags::empty())?;
    Ok(cgroup)
}

fn remove(parent: &OwnedFd, name: &str) -> Result<(), Errno> {
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}
