//! The program as a job: signals go to it, and what becomes of it becomes of us.

use super::protection::Protection;
use super::signals::{Came, Signals};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::os::fd::AsFd as _;
use std::process::Child;

/// A running program.
pub(super) struct Job<'a> {
    pid: Pid,
    signals: &'a Signals,
}

impl<'a> Job<'a> {
    pub(super) fn new(child: &Child, signals: &'a Signals) -> Self {
        Self {
            pid: Pid::from_raw(child.id().cast_signed()),
            signals,
        }
    }

    /// Waits for its end, protecting it meanwhile. Returns its exit code, or 128 and its signal.
    pub(super) fn run(&self, protection: &mut Protection) -> Result<u8, Errno> {
        loop {
            protection.look();
            while let Some(came) = self.signals.next()? {
                match came {
                    Came::Child => {}
                    Came::ForAll => {}
                    // It may have ended just now.
                    Came::ForProgram(signal) => drop(kill(self.pid, signal)),
                }
            }
            // Signals of children are not queued: one may stand for many.
            if let Some(code) = self.children()? {
                return Ok(code);
            }
            self.wait(protection)?;
        }
    }

    /// Looks what has become of the program, and buries what it left to us.
    fn children(&self) -> Result<Option<u8>, Errno> {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        loop {
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.pid => {
                    return Ok(Some(u8::try_from(code).unwrap_or(u8::MAX)));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.pid => {
                    return Ok(Some(128 + signal as u8));
                }
                Ok(WaitStatus::Stopped(pid, _)) if pid == self.pid => {
                    // The shell that waits for us must learn of it. It continues us both, as a process group, or us alone:
                    // then the signal is passed on.
                    raise(Signal::SIGSTOP)?;
                }
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&self, protection: &Protection) -> Result<(), Errno> {
        let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let timeout = match protection.due_in() {
            None => PollTimeout::NONE,
            Some(due) => {
                let ms = due.as_nanos().div_ceil(1_000_000);
                PollTimeout::try_from(i32::try_from(ms).unwrap_or(i32::MAX))
                    .unwrap_or(PollTimeout::MAX)
            }
        };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
