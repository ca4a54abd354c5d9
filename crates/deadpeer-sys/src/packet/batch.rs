//! Many frames in one system call.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Result, door};

/// How many frames one call sends at most.
pub const BATCH: usize = 64;

/// Sends frames with sendmmsg(2); each is an Ethernet frame for the interface the socket is bound
/// to.
pub(super) fn send<F: AsRef<[u8]>>(socket: BorrowedFd<'_>, frames: &[F]) -> Result<usize> {
    let count = frames.len().min(BATCH);
    let mut parts = [EMPTY_PART; BATCH];
    for (part, frame) in parts.iter_mut().zip(frames) {
        let bytes = frame.as_ref();
        part.iov_base = bytes.as_ptr().cast_mut().cast();
        part.iov_len = bytes.len();
    }
    let mut messages = [EMPTY_MESSAGE; BATCH];
    for (message, part) in messages.iter_mut().zip(&mut parts) {
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the first `count` headers point at parts and frames that outlive the call; the kernel
    // only reads the frames.
    let sent = door::number("sendmmsg(AF_PACKET)", || unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT as _,
        )
    })?;
    Ok(sent.unsigned_abs() as usize)
}

const EMPTY_PART: libc::iovec = libc::iovec {
    iov_base: std::ptr::null_mut(),
    iov_len: 0,
};

// SAFETY: every field is a number or a pointer that may be null.
const EMPTY_MESSAGE: libc::mmsghdr = unsafe { std::mem::zeroed() };
