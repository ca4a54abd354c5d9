//! The program as a job: signals go to it, and what becomes of it becomes of us.

use std::io;
use std::process::Child;
use std::time::Duration;

use deadpeer_sys::signals::{Inbox, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpid, kill_process, wait};

use super::protection::Protection;
use super::signals::for_program;

/// A running program.
pub(super) struct Job<'a> {
    pid: Pid,
    signals: &'a Inbox,
}

impl<'a> Job<'a> {
    pub(super) fn new(child: &Child, signals: &'a Inbox) -> Self {
        Self {
            pid: Pid::from_child(child),
            signals,
        }
    }

    /// Waits for its end, protecting it meanwhile. Returns its exit code, or 128 and its signal.
    pub(super) fn run(&self, protection: &mut Protection) -> io::Result<u8> {
        loop {
            protection.check();
            while let Some(received) = self.signals.next()? {
                if let Some(signal) = for_program(received) {
                    // It may have ended just now.
                    let _ = kill_process(self.pid, signal);
                }
            }
            // Signals of children are not queued: one may stand for many.
            if let Some(code) = self.children()? {
                return Ok(code);
            }
            self.wait(protection.due_in())?;
        }
    }

    /// Looks what has become of the program, and buries what it left to us.
    fn children(&self) -> Result<Option<u8>, Errno> {
        loop {
            let (pid, status) = match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some(ended)) => ended,
                Ok(None) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            };
            if pid != self.pid {
                continue;
            }
            if let Some(code) = status.exit_status() {
                return Ok(Some(u8::try_from(code).unwrap_or(u8::MAX)));
            }
            if let Some(signal) = status.terminating_signal() {
                return Ok(Some(u8::try_from(128 + signal).unwrap_or(u8::MAX)));
            }
            if status.stopped() {
                // The shell that waits for us must learn of it. It continues us both, as a process
                // group, or us alone: then the signal is passed on.
                kill_process(getpid(), Signal::STOP)?;
            }
        }
    }

    fn wait(&self, due_in: Option<Duration>) -> Result<(), Errno> {
        let mut fds = [PollFd::new(self.signals, PollFlags::IN)];
        let timeout = due_in.and_then(|due| Timespec::try_from(due).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}
