//! Options that are one C `int`, by their numbers: rustix has a function for some of them, and none
//! that takes a number.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::io::Errno;

use crate::{Result, SysError, door};

/// Reads a TCP option of a number, which need not be a descriptor any more.
pub(crate) fn read(number: RawFd, option: c_int, call: &'static str) -> Result<c_int> {
    read_at(number, libc::IPPROTO_TCP, option, call)
}

/// As [`read`], of any level.
pub(super) fn read_at(
    number: RawFd,
    level: c_int,
    option: c_int,
    call: &'static str,
) -> Result<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `value` and `len` are live for the call, and `len` is the size of `value`; a number
    // that is no descriptor is EBADF.
    door::number(call, || unsafe {
        libc::getsockopt(
            number,
            level,
            option,
            (&raw mut value).cast::<c_void>(),
            &raw mut len,
        )
    })?;
    Ok(value)
}

/// Sets an option; a value that does not fit a C `int` is `EINVAL`, as the kernel would say.
pub(super) fn write(
    fd: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: u32,
    call: &'static str,
) -> Result<()> {
    let value = c_int::try_from(value).map_err(|_| SysError {
        call,
        errno: Errno::INVAL,
    })?;
    // SAFETY: the pointer and the length describe `value`, which is live for the call.
    door::number(call, || unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<c_int>() as libc::socklen_t,
        )
    })
    .map(drop)
}
