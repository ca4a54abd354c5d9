//! Descriptors of other processes, borrowed through a pidfd for as long as a question takes.

use std::os::fd::{AsFd, OwnedFd, RawFd};

use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{SysError, pidfd};
use rustc_hash::FxHashMap;

use crate::owners::OwnersOf;
use crate::settings::Unreadable;

/// Handles of processes, each opened once.
///
/// A socket that is borrowed is the one that was meant, by its cookie: another under the same number, in a process that has
/// the number of one that ended, is not taken for it.
#[derive(Debug, Default)]
pub(crate) struct Loans {
    handles: FxHashMap<u32, Result<OwnedFd, Unreadable>>,
}

/// Handles kept open at once: far below the usual limit of 1024 descriptors.
const MAX_HANDLES: usize = 400;

impl Loans {
    /// Borrows the socket with this cookie from the first of its owners that lets us.
    ///
    /// While the duplicate is there, its owner's close sends no FIN: drop it as soon as possible.
    pub(crate) fn borrow_from(
        &mut self,
        owners: OwnersOf<'_>,
        cookie: u64,
    ) -> Result<OwnedFd, Unreadable> {
        let mut why = Unreadable::NoVisibleOwner;
        for owner in owners {
            match self.borrow(owner.process.pid(), owner.fd, cookie) {
                Ok(duplicate) => return Ok(duplicate),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// Borrows the socket with this cookie from one process.
    pub(crate) fn borrow(
        &mut self,
        pid: u32,
        fd: RawFd,
        cookie: u64,
    ) -> Result<OwnedFd, Unreadable> {
        let duplicate = self.duplicate(pid, fd)?;
        match same(&duplicate, cookie).map_err(Unreadable::from_errno)? {
            Same::Yes => Ok(duplicate),
            Same::Multipath => Err(Unreadable::Multipath),
            Same::No => Err(Unreadable::Gone),
        }
    }

    fn duplicate(&mut self, pid: u32, fd: RawFd) -> Result<OwnedFd, Unreadable> {
        if self.handles.len() >= MAX_HANDLES && !self.handles.contains_key(&pid) {
            self.handles.clear();
        }
        let handle = self
            .handles
            .entry(pid)
            .or_insert_with(|| pidfd::open(pid).map_err(Unreadable::from_errno));
        let duplicate = match handle {
            Ok(handle) => pidfd::descriptor(handle.as_fd(), fd),
            Err(why) => return Err(*why),
        };
        duplicate.map_err(|error| {
            let why = Unreadable::from_errno(error);
            // It holds for all descriptors of the process: don't ask again for each.
            if matches!(why, Unreadable::NotPermitted | Unreadable::KernelTooOld) {
                *handle = Err(why);
            }
            why
        })
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
        // The table shows its subflows, which have its inode number but cookies of their own (net/mptcp/subflow.c).
        Transport::Mptcp => Same::Multipath,
        Transport::Tcp | Transport::Other | _ => Same::No,
    })
}
