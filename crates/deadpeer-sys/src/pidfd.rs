//! Other processes and their descriptors.

use std::os::fd::{AsFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::{self, Pid, PidfdFlags, PidfdGetfdFlags};

use crate::{Result, SysError, door};

/// Opens a handle to a process (pidfd_open(2), Linux 5.3). `ESRCH` if there is none with this
/// number.
///
/// The handle stays with this process: a new one under the same number is never reached through it.
#[doc(alias = "pidfd_open")]
pub fn open(pid: u32) -> Result<OwnedFd> {
    let call = "pidfd_open";
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(SysError {
            call,
            errno: Errno::SRCH,
        })?;
    door::call(call, || process::pidfd_open(pid, PidfdFlags::empty()))
}

/// Duplicates a descriptor of another process (pidfd_getfd(2), Linux 5.6).
///
/// Needs the right to trace that process: root reaches any, the same user its own unless they are
/// not dumpable or Yama forbids it (`EPERM`). `EBADF` if the process has no such descriptor (any
/// more), `ESRCH` if it has ended.
///
/// The duplicate keeps a socket open after its owner closed it: no FIN goes out before the
/// duplicate is dropped, so hold it no longer than the question takes.
#[doc(alias = "pidfd_getfd")]
pub fn descriptor(pidfd: impl AsFd, fd: RawFd) -> Result<OwnedFd> {
    door::call("pidfd_getfd", || {
        process::pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty())
    })
}
