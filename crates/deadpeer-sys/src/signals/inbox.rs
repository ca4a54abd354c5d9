//! Signals read one by one (signalfd(2)).

use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::io::Errno;
use rustix::process::Signal;

use super::mask;
use crate::{Result, door};

/// Signals of this process that wait here to be read: they are blocked for the calling thread and
/// for those it starts, until this is dropped. A program that is started meanwhile inherits that,
/// unless by [`start::spawn`](crate::start::spawn).
///
/// Open it while there is one thread: a signal to the process goes to any thread that doesn't block
/// it.
pub struct Inbox {
    fd: OwnedFd,
    before: libc::sigset_t,
}

/// A signal that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub signal: Signal,
    /// Whether the kernel sent it: by a terminal, to everybody in the process group; or for a child
    /// that ended.
    pub by_kernel: bool,
}

/// include/uapi/asm-generic/siginfo.h.
const SI_KERNEL: i32 = 0x80;

impl Inbox {
    /// Blocks these signals, to be read here.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn open(signals: &[Signal]) -> Result<Self> {
        let set = mask::of(signals);
        let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
        // SAFETY: the set is valid for the call, and -1 asks for a new descriptor.
        let fd = door::number("signalfd", || unsafe {
            libc::signalfd(-1, &raw const set, flags)
        })?;
        // SAFETY: the call returned a new descriptor, which nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            before: mask::block(&set)?,
            fd,
        })
    }

    /// The next one that has come, or `None`. A signal that came twice before it was read is one
    /// (signal(7)).
    ///
    /// # Errors
    /// None that is known.
    pub fn next(&self) -> Result<Option<Received>> {
        let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
        loop {
            match door::call("read(signalfd)", || rustix::io::read(&self.fd, &mut info)) {
                Ok(_) => {}
                Err(error) => match error.errno {
                    Errno::AGAIN => return Ok(None),
                    Errno::INTR => continue,
                    _ => return Err(error),
                },
            }
            let number = |at: usize| -> Option<i32> {
                let bytes = info.get(at..at + 4)?.try_into().ok()?;
                Some(i32::from_ne_bytes(bytes))
            };
            let signo = number(std::mem::offset_of!(libc::signalfd_siginfo, ssi_signo));
            let code = number(std::mem::offset_of!(libc::signalfd_siginfo, ssi_code));
            if let Some(signal) = signo.and_then(super::numbered) {
                return Ok(Some(Received {
                    signal,
                    by_kernel: code == Some(SI_KERNEL),
                }));
            }
        }
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // The mask is one that this thread has had.
        let _ = mask::set(&self.before);
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Inbox").field(&self.fd).finish()
    }
}
