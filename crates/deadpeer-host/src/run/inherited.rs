//! What a program is given by whoever starts it: a listener of systemd's, a connection of inetd's.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, RawFd};

use deadpeer_sys::inherited;

/// Descriptors that we were given, and that a program we start gets as well. By default none.
#[derive(Debug, Default)]
pub struct Inherited {
    passed: Vec<inherited::Inherited>,
    standard: Vec<inherited::Inherited>,
}

impl Inherited {
    /// Takes them. To be called before anything else is opened.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            passed: inherited::take()?,
            standard: inherited::standard_sockets(),
        })
    }

    /// Each with its number.
    pub(super) fn each(&self) -> impl Iterator<Item = (RawFd, BorrowedFd<'_>)> {
        let all = self.passed.iter().chain(&self.standard);
        all.map(|one| (one.number, one.descriptor.as_fd()))
    }

    /// Leaves them to the program, which has its own by now: what it closes is to be closed.
    ///
    /// # Errors
    /// A standard stream can't be replaced.
    pub fn let_go(self) -> io::Result<()> {
        let mut standard = self.standard.iter();
        standard.try_for_each(|stream| inherited::let_go_of_standard(stream.number))
    }
}
