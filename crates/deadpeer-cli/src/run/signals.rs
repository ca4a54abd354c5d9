//! Signals as a descriptor, and where they came from.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};

/// What is passed on to the program. It also gets what a terminal sends, for it is in the same process group.
const PASSED_ON: [Signal; 9] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// Sent by the kernel: by a terminal, to everybody in the process group (include/uapi/asm-generic/siginfo.h).
const SI_KERNEL: i32 = 0x80;

/// A signal that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// A child ended, stopped or went on.
    Child,
    /// Somebody sent this to us alone.
    ForProgram(Signal),
    /// The program got it too.
    ForAll,
}

/// The signals of this process, from now on read here. They are blocked, which a program started later must not inherit.
pub(super) struct Signals {
    fd: SignalFd,
}

impl Signals {
    pub(super) fn open() -> Result<Self, Errno> {
        let mut set: SigSet = PASSED_ON.into_iter().collect();
        set.add(Signal::SIGCHLD);
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let fd = SignalFd::with_flags(&set, flags)?;
        Ok(Self { fd })
    }

    /// The next one that has come.
    pub(super) fn next(&self) -> Result<Option<Came>, Errno> {
        let Some(info) = self.fd.read_signal()? else {
            return Ok(None);
        };
        let signal = i32::try_from(info.ssi_signo).map(Signal::try_from);
        Ok(Some(match signal {
            Ok(Ok(Signal::SIGCHLD)) | Ok(Err(_)) | Err(_) => Came::Child,
            Ok(Ok(_)) if info.ssi_code == SI_KERNEL => Came::ForAll,
            Ok(Ok(signal)) => Came::ForProgram(signal),
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
