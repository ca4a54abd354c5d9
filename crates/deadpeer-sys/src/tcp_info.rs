//! `getsockopt(TCP_INFO)`.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use deadpeer_core::TcpInfo;

use crate::{Result, SysError, door, kernel_version};

/// Larger than any kernel's `struct tcp_info` (280 bytes in Linux 7.0), so that nothing is cut off.
pub(crate) const BUFFER: usize = 512;

/// Asks the kernel for everything it tells about a TCP connection (tcp(7)). Needs no privilege,
/// consumes nothing.
///
/// A listener answers too, with the little it has. On a Multipath TCP socket the first connection
/// answers. `EOPNOTSUPP` or `ENOPROTOOPT` on a socket that is not TCP.
#[doc(alias = "TCP_INFO")]
#[inline(always)]
pub fn tcp_info(fd: impl AsFd) -> Result<TcpInfo> {
    tcp_info_or(fd, |error| error)
}

/// [`tcp_info`] with an error of the caller's: exchanging it afterwards would copy the answer.
///
/// # Errors
/// What `refused` makes of that of the call.
#[inline(always)]
pub fn tcp_info_or<E>(
    fd: impl AsFd,
    refused: impl FnOnce(SysError) -> E,
) -> std::result::Result<TcpInfo, E> {
    read_or(fd.as_fd().as_raw_fd(), refused)
}

/// Asks a number, which need not be a descriptor any more.
pub(crate) fn read(number: RawFd) -> Result<TcpInfo> {
    read_or(number, |error| error)
}

#[inline(always)]
fn read_or<E>(
    number: RawFd,
    refused: impl FnOnce(SysError) -> E,
) -> std::result::Result<TcpInfo, E> {
    // Zeroing it would take a tenth of the time that the rest takes beside the call.
    let mut room = MaybeUninit::<[u8; BUFFER]>::uninit();
    match read_bytes(number, &mut room) {
        Ok(len) => {
            // SAFETY: the kernel has written as many bytes, no more than there is room for.
            let bytes = unsafe { std::slice::from_raw_parts(room.as_ptr().cast::<u8>(), len) };
            Ok(TcpInfo::decode(bytes, kernel_version()))
        }
        Err(error) => Err(refused(error)),
    }
}

/// The bare call; returns how much of the room the kernel filled.
pub(crate) fn read_bytes(number: RawFd, room: &mut MaybeUninit<[u8; BUFFER]>) -> Result<usize> {
    let mut len = BUFFER as libc::socklen_t;
    // SAFETY: `room` and `len` are live for the call, and `len` is the size of `room`; a number
    // that is no descriptor is EBADF.
    door::number("getsockopt(TCP_INFO)", || unsafe {
        libc::getsockopt(
            number,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            room.as_mut_ptr().cast::<c_void>(),
            &raw mut len,
        )
    })?;
    Ok(BUFFER.min(len as usize))
}
