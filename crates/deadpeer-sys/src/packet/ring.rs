//! The memory of a receive ring, shared with the kernel.
//!
//! The status word of each frame says whose turn it is; it is read with acquire and written with
//! release order, as Documentation/networking/packet_mmap.rst asks.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Arrival, RingLayout};
use crate::{Result, door};

/// A mapped `TPACKET_V2` ring and the place of the next frame.
#[derive(Debug)]
pub(super) struct Ring {
    memory: NonNull<u8>,
    layout: RingLayout,
    next: usize,
}

// SAFETY: the mapping belongs to this value alone, and the kernel's accesses are ordered by the
// status words.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring that `PACKET_RX_RING` gave to the socket.
    pub(super) fn map(socket: BorrowedFd<'_>, layout: RingLayout) -> Result<Self> {
        // SAFETY: a new shared mapping of a descriptor, placed by the kernel; no memory of ours is
        // touched.
        let map = || unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                layout.total_bytes(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        let memory = door::call("mmap(PACKET_RX_RING)", || match map() {
            libc::MAP_FAILED => Err(door::last()),
            address => NonNull::new(address.cast::<u8>()).ok_or(rustix::io::Errno::NOMEM),
        })?;
        Ok(Self {
            memory,
            layout,
            next: 0,
        })
    }

    /// Lends the next frame to `each` and gives it back to the kernel; `false` when none has come.
    pub(super) fn next(&mut self, each: &mut impl FnMut(Arrival<'_>)) -> bool {
        let frame = self.frame(self.next);
        // SAFETY: a frame starts with the aligned status word, and both sides access it atomically.
        let status = unsafe { AtomicU32::from_ptr(frame.cast::<u32>().as_ptr()) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return false;
        }
        // SAFETY: the kernel wrote a header there and handed the frame over; it is copied out.
        let header = unsafe { frame.cast::<libc::tpacket2_hdr>().read() };
        let start = usize::from(header.tp_mac).min(self.layout.frame_bytes());
        let length = (header.tp_snaplen as usize).min(self.layout.frame_bytes() - start);
        // SAFETY: start and length were just kept within the frame, so the pointer stays inside the
        // mapping.
        let first = unsafe { frame.add(start) };
        // SAFETY: the bytes lie within the frame, which is ours until the status word is written
        // back.
        let bytes = unsafe { std::slice::from_raw_parts(first.as_ptr(), length) };
        each(Arrival {
            at: Duration::new(u64::from(header.tp_sec), header.tp_nsec),
            bytes,
            length: header.tp_len as usize,
            whole: header.tp_snaplen == header.tp_len && length == header.tp_len as usize,
        });
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % self.layout.frames();
        true
    }

    fn frame(&self, index: usize) -> NonNull<u8> {
        // SAFETY: the index is below the number of frames, so the frame lies inside the mapping.
        unsafe { self.memory.add(index * self.layout.frame_bytes()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly the range that was mapped, and nothing lent from it outlives `self`.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.layout.total_bytes()) };
    }
}
