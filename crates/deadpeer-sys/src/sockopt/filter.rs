//! Muting a socket: its host goes silent for it, as a vanished machine would.

use std::ffi::c_int;
use std::os::fd::AsFd;

use super::raw;
use crate::Result;

/// Makes the kernel drop every packet that arrives for this socket: to its peer the host has
/// vanished.
///
/// A classic BPF program that keeps 0 bytes of a packet is attached with `SO_ATTACH_FILTER`
/// (socket(7)). What the socket itself sends still goes out. Needs no privilege. An earlier filter
/// is replaced.
#[doc(alias = "SO_ATTACH_FILTER")]
pub fn mute(fd: impl AsFd) -> Result<()> {
    // BPF_RET | BPF_K: return the constant k, the number of bytes to keep.
    let mut keep_nothing = [libc::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let program = libc::sock_fprog {
        len: 1,
        filter: keep_nothing.as_mut_ptr(),
    };
    raw::write(
        fd,
        libc::SOL_SOCKET,
        libc::SO_ATTACH_FILTER,
        &program,
        "setsockopt(SO_ATTACH_FILTER)",
    )
}

/// Takes the filter of [`mute`] away again. `ENOENT` if there is none.
#[doc(alias = "SO_DETACH_FILTER")]
pub fn unmute(fd: impl AsFd) -> Result<()> {
    let unused: c_int = 0;
    raw::write(
        fd,
        libc::SOL_SOCKET,
        libc::SO_DETACH_FILTER,
        &unused,
        "setsockopt(SO_DETACH_FILTER)",
    )
}
