//! Which signals wait until they are asked for.

use std::mem::MaybeUninit;

use rustix::process::Signal;

use crate::{Result, door};

/// Blocks signals for the calling thread. Returns what was blocked before.
pub(super) fn block(set: &libc::sigset_t) -> Result<libc::sigset_t> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are valid for the call, which writes the old one.
    sigmask(|| unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set, before.as_mut_ptr()) })?;
    // SAFETY: the call succeeded and has written it.
    Ok(unsafe { before.assume_init() })
}

/// Blocks exactly these for the calling thread.
pub(super) fn set(set: &libc::sigset_t) -> Result<()> {
    // SAFETY: the set is valid for the call, and the old one is not asked for.
    sigmask(|| unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set, std::ptr::null_mut()) })
}

/// Blocks none for the calling thread. Allocates nothing, as befits a child between fork and exec.
pub(crate) fn unblock_all() -> Result<()> {
    set(&of(&[]))
}

/// A set of signals.
pub(super) fn of(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set is written into a local; the call can't fail on a valid pointer.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: it has just been written.
    let mut set = unsafe { set.assume_init() };
    for signal in signals {
        // SAFETY: the set is initialized, and a `Signal` is a valid number.
        unsafe { libc::sigaddset(&raw mut set, signal.as_raw()) };
    }
    set
}

/// This call returns its errno.
fn sigmask(make: impl FnOnce() -> i32) -> Result<()> {
    door::call("pthread_sigmask", || match make() {
        0 => Ok(()),
        errno => Err(crate::Errno::from_raw_os_error(errno)),
    })
}
