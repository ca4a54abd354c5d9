//! The namespace of a socket.

use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

use crate::{Result, door};

/// Opens the namespace that a socket is in, which need not be that of whoever holds it: it stays in
/// the one that it was made in (include/uapi/linux/sockios.h, `SIOCGSKNS`; Linux 4.10).
///
/// # Errors
/// `EPERM`: takes `CAP_NET_ADMIN` there.
#[doc(alias = "SIOCGSKNS")]
pub fn open_of_socket(socket: impl AsFd) -> Result<OwnedFd> {
    const SIOCGSKNS: libc::Ioctl = 0x894c;
    // SAFETY: the request takes no argument.
    let raw = door::number("ioctl(SIOCGSKNS)", || unsafe {
        libc::ioctl(socket.as_fd().as_raw_fd(), SIOCGSKNS)
    })?;
    // SAFETY: the kernel made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}
