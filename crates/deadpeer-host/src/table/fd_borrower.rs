//! Descriptors of other processes, borrowed through a pidfd for as long as a question takes.

use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use deadpeer_report::Unreadable;
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{SysError, pidfd};
use rustc_hash::FxHashMap;

/// Handles of processes, each opened once.
///
/// A socket that is borrowed is the one that was meant, by its cookie: another under the same
/// number, in a process that has the number of one that ended, is not taken for it.
#[derive(Debug, Default)]
pub(crate) struct FdBorrower {
    handles: FxHashMap<u32, Result<OwnedFd, Unreadable>>,
}

/// Handles kept open at once: far below the usual limit of 1024 descriptors.
const MAX_HANDLES: usize = 400;

impl FdBorrower {
    /// Borrows the socket with this cookie from the first of its holders that lets us; a holder is
    /// a process and its descriptor.
    ///
    /// While the duplicate is there, its owner's close sends no FIN: drop it as soon as possible.
    pub(crate) fn borrow_from(
        &mut self,
        holders: impl IntoIterator<Item = (u32, RawFd)>,
        cookie: u64,
    ) -> Result<OwnedFd, Unreadable> {
        let mut why = Unreadable::NoVisibleOwner;
        for (pid, fd) in holders {
            match self.borrow(pid, fd, cookie) {
                Ok(duplicate) => return Ok(duplicate),
                Err(error) => why = more_telling(why, error),
            }
        }
        Err(why)
    }

    /// Borrows the Multipath TCP socket with this inode number from the first of its holders that
    /// lets us: its parts have cookies, and only their number in common with it.
    pub(crate) fn borrow_multipath(
        &mut self,
        holders: impl IntoIterator<Item = (u32, RawFd)>,
        inode: NonZeroU32,
    ) -> Result<OwnedFd, Unreadable> {
        let mut why = Unreadable::NoVisibleOwner;
        for (pid, fd) in holders {
            let whole = self.duplicate(pid, fd).and_then(|duplicate| {
                let is_it = is_multipath(&duplicate, inode).map_err(crate::table::unreadable)?;
                is_it.then_some(duplicate).ok_or(Unreadable::Gone)
            });
            match whole {
                Ok(whole) => return Ok(whole),
                Err(error) => why = more_telling(why, error),
            }
        }
        Err(why)
    }

    /// Borrows the socket with this cookie from one process.
    fn borrow(&mut self, pid: u32, fd: RawFd, cookie: u64) -> Result<OwnedFd, Unreadable> {
        let duplicate = self.duplicate(pid, fd)?;
        match same(&duplicate, cookie).map_err(crate::table::unreadable)? {
            Same::Yes => Ok(duplicate),
            Same::Multipath => Err(Unreadable::Multipath),
            Same::No => Err(Unreadable::Gone),
        }
    }

    /// Borrows whatever has this number in the process: the caller sees to it that it is what was
    /// meant.
    pub(super) fn duplicate(&mut self, pid: u32, fd: RawFd) -> Result<OwnedFd, Unreadable> {
        if self.handles.len() >= MAX_HANDLES && !self.handles.contains_key(&pid) {
            self.handles.clear();
        }
        let handle = self
            .handles
            .entry(pid)
            .or_insert_with(|| pidfd::open(pid).map_err(crate::table::unreadable));
        let duplicate = match handle {
            Ok(handle) => pidfd::descriptor(handle.as_fd(), fd),
            Err(why) => return Err(*why),
        };
        duplicate.map_err(|error| {
            let why = crate::table::unreadable(error);
            // It holds for all descriptors of the process: don't ask again for each.
            if matches!(why, Unreadable::NotPermitted | Unreadable::KernelTooOld) {
                *handle = Err(why);
            }
            why
        })
    }
}

/// Of two holders' reasons, the one that holds for the socket. One that is gone says little: a
/// child between fork and exec holds all that its parent does, for a moment.
fn more_telling(one: Unreadable, other: Unreadable) -> Unreadable {
    match one {
        Unreadable::Gone | Unreadable::NoVisibleOwner => other,
        Unreadable::NotPermitted
        | Unreadable::NoDescriptor
        | Unreadable::Multipath
        | Unreadable::KernelTooOld
        | Unreadable::TooManyFiles
        | Unreadable::Refused => one,
    }
}

/// Whether a descriptor is the socket that the kernel's table showed.
enum Same {
    Yes,
    /// It is the Multipath TCP socket above it.
    Multipath,
    No,
}

fn same(duplicate: &OwnedFd, cookie: u64) -> Result<Same, SysError> {
    if sockopt::cookie(duplicate)? == cookie {
        return Ok(Same::Yes);
    }
    Ok(match sockopt::transport(duplicate)? {
        // The table shows its subflows, which have its inode number but cookies of their own
        // (net/mptcp/subflow.c).
        Transport::Mptcp => Same::Multipath,
        Transport::Tcp | Transport::Other => Same::No,
    })
}

fn is_multipath(duplicate: &OwnedFd, inode: NonZeroU32) -> Result<bool, SysError> {
    Ok(sockopt::transport(duplicate)? == Transport::Mptcp && has_inode(duplicate, inode.get()))
}

/// Whether a socket has this number in the kernel's table.
pub(crate) fn has_inode(socket: &OwnedFd, inode: u32) -> bool {
    rustix::fs::fstat(socket).is_ok_and(|stat| stat.st_ino == u64::from(inode))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn a_holder_that_is_gone_does_not_stand_for_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cookie = sockopt::cookie(&listener).unwrap();
        let here = (std::process::id(), listener.as_raw_fd());
        let gone = (std::process::id(), RawFd::MAX);
        for holders in [[here, gone], [gone, here]] {
            let mut borrower = FdBorrower::default();
            assert!(borrower.borrow_from(holders, cookie).is_ok());
            // A process that may not be looked into.
            let refused = Err(Unreadable::NotPermitted);
            borrower.handles.insert(u32::MAX, refused);
            let closed = holders.map(|holder| {
                if holder == here {
                    (u32::MAX, 0)
                } else {
                    holder
                }
            });
            let why = borrower.borrow_from(closed, cookie).unwrap_err();
            assert_eq!(why, Unreadable::NotPermitted);
        }
        let why = FdBorrower::default().borrow_from([gone, gone], cookie);
        assert_eq!(why.unwrap_err(), Unreadable::Gone);
    }
}
