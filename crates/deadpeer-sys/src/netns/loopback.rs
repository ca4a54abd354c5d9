//! Bringing a fresh namespace's loopback interface up, without the `ip` command.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::{Result, door};

/// Sets `IFF_UP` on `lo` (netdevice(7)). Needs CAP_NET_ADMIN.
pub(super) fn bring_up(socket: impl AsFd) -> Result<()> {
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 },
    };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    let socket = socket.as_fd();
    ioctl(
        socket,
        libc::SIOCGIFFLAGS,
        &mut request,
        "ioctl(SIOCGIFFLAGS)",
    )?;
    // SAFETY: every bit pattern is a value of the field, and SIOCGIFFLAGS filled it.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    ioctl(
        socket,
        libc::SIOCSIFFLAGS,
        &mut request,
        "ioctl(SIOCSIFFLAGS)",
    )
}

fn ioctl(
    socket: BorrowedFd<'_>,
    request: libc::c_ulong,
    argument: &mut libc::ifreq,
    call: &'static str,
) -> Result<()> {
    // SAFETY: both requests take an ifreq, which is live for the call.
    door::number(call, || unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            request as libc::Ioctl,
            &raw mut *argument,
        )
    })
    .map(drop)
}
