//! A program that runs in a host.

use std::io;
use std::process::{Child, ExitStatus};

/// A running program, killed and waited for when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    pub(super) fn new(child: Child) -> Self {
        Self { child }
    }

    /// Its process, with its standard streams.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its pid, as the program that started it sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it by SIGKILL and waits for its end.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or there is nothing left to be done about it.
        let _ = self.kill();
    }
}
