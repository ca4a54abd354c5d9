//! The one way to the kernel: every call of this crate whose failure is passed on is made in here,
//! and its errno leaves with the name of the call. With the feature `faults`, a test says which
//! fail.

use std::io;

use rustix::io::Errno;

use crate::{Result, SysError};

/// Makes a call and names it.
#[inline(always)]
pub(crate) fn call<T>(
    name: &'static str,
    make: impl FnOnce() -> std::result::Result<T, Errno>,
) -> Result<T> {
    let made = fails(name).map_or_else(make, Err);
    made.map_err(|errno| SysError { call: name, errno })
}

/// Makes a call of the C library's: below 0 it has failed, and errno says why.
#[inline(always)]
pub(crate) fn number<N: Default + PartialOrd>(
    name: &'static str,
    make: impl FnOnce() -> N,
) -> Result<N> {
    call(name, || match make() {
        failed if failed < N::default() => Err(last()),
        number => Ok(number),
    })
}

/// Makes a call that fills a buffer and returns how much of it.
pub(crate) fn filled(
    name: &'static str,
    make: impl FnOnce() -> std::result::Result<usize, Errno>,
) -> Result<usize> {
    #[cfg(feature = "faults")]
    let make = || match crate::faults::next_call(name) {
        Some(Fault::Errno(errno)) => Err(errno),
        Some(Fault::Short) => make().map(|len| len.saturating_sub(1)),
        None => make(),
    };
    make().map_err(|errno| SysError { call: name, errno })
}

/// Opens, reads or writes a file by the standard library.
pub(crate) fn file<T>(name: &'static str, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    fails(name).map_or_else(make, |errno| Err(errno.into()))
}

/// Work for another thread, which goes through the door as it would here.
pub(crate) fn from_here<T>(work: impl FnOnce() -> T + Send) -> impl FnOnce() -> T + Send {
    #[cfg(feature = "faults")]
    let work = {
        let active = crate::faults::active();
        move || crate::faults::under(active, work)
    };
    work
}

/// The errno that the C library left for this thread.
pub(crate) fn last() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(feature = "faults")]
use crate::faults::Fault;

#[cfg(feature = "faults")]
fn fails(name: &'static str) -> Option<Errno> {
    match crate::faults::next_call(name)? {
        Fault::Errno(errno) => Some(errno),
        Fault::Short => None,
    }
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
fn fails(_name: &'static str) -> Option<Errno> {
    None
}
