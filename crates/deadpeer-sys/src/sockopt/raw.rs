//! Any option by its numbers: rustix has a function for some of them, and none that takes a number.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::io::Errno;

use crate::{Result, SysError, door};

/// Reads an option of a number, which need not be a descriptor any more: its bytes, and how many of
/// them the kernel has filled.
pub(crate) fn read<const N: usize>(
    number: RawFd,
    level: c_int,
    option: c_int,
    call: &'static str,
) -> Result<([u8; N], usize)> {
    let mut value = [0; N];
    let mut len = N as libc::socklen_t;
    // SAFETY: `value` and `len` are live for the call, and `len` is the size of `value`; a number
    // that is no descriptor is EBADF.
    door::number(call, || unsafe {
        libc::getsockopt(
            number,
            level,
            option,
            value.as_mut_ptr().cast::<c_void>(),
            &raw mut len,
        )
    })?;
    Ok((value, len as usize))
}

/// Reads an option that is one C `int`.
pub(crate) fn read_int(
    number: RawFd,
    level: c_int,
    option: c_int,
    call: &'static str,
) -> Result<c_int> {
    let (value, _) = read(number, level, option, call)?;
    Ok(c_int::from_ne_bytes(value))
}

/// Sets an option. A pointer in the value leads to something that lives for the call.
pub(crate) fn write<T>(
    fd: impl AsFd,
    level: c_int,
    option: c_int,
    value: &T,
    call: &'static str,
) -> Result<()> {
    // SAFETY: the pointer and the length describe `value`, which is live for the call.
    door::number(call, || unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast::<c_void>(),
            size_of::<T>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Sets an option that is one C `int`; a value that does not fit is `EINVAL`, as the kernel would
/// say.
pub(super) fn write_int(
    fd: impl AsFd,
    level: c_int,
    option: c_int,
    value: u32,
    call: &'static str,
) -> Result<()> {
    write(fd, level, option, &int(value, call)?, call)
}

pub(super) fn int(value: u32, call: &'static str) -> Result<c_int> {
    c_int::try_from(value).map_err(|_| SysError {
        call,
        errno: Errno::INVAL,
    })
}
