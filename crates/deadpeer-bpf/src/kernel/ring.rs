//! A ring buffer shared with the kernel (Documentation/bpf/ringbuf.rst).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::CallError;

/// The reader's end. The kernel writes records, we move our position past those that we have read.
#[derive(Debug)]
pub(crate) struct Ring {
    map: OwnedFd,
    /// One page, ours to write: our position.
    consumer: Mapping,
    /// One page with the kernel's position, then the data twice in a row, so that no record is ever
    /// split.
    producer: Mapping,
    page: usize,
    /// Bytes of data, a power of two.
    size: usize,
}

/// The header of a record: its length and two bits, and where the ring begins.
const HEADER: usize = 8;
/// The record is being written.
const BUSY: u32 = 1 << 31;
/// The record was given up.
const DISCARDED: u32 = 1 << 30;

impl Ring {
    /// Maps the ring of a map that was made with `size` bytes.
    pub(crate) fn map(map: OwnedFd, size: usize) -> Result<Self, CallError> {
        let page = rustix::param::page_size();
        let write = ProtFlags::READ | ProtFlags::WRITE;
        let consumer = Mapping::new(&map, page, write, 0)?;
        let producer = Mapping::new(&map, page + 2 * size, ProtFlags::READ, page as u64)?;
        Ok(Self {
            map,
            consumer,
            producer,
            page,
            size,
        })
    }

    /// Shows every record that is complete, the oldest first, and frees its place.
    pub(crate) fn drain(&mut self, mut visit: impl FnMut(&[u8])) {
        // Nobody else writes our position.
        let mut position = self.consumer.position().load(Ordering::Relaxed);
        loop {
            let end = self.producer.position().load(Ordering::Acquire);
            if position >= end {
                return;
            }
            while position < end {
                let at = self.page + (position as usize & (self.size - 1));
                let length = self.producer.word(at).load(Ordering::Acquire);
                if length & BUSY != 0 {
                    return;
                }
                let bytes = (length & !DISCARDED) as usize;
                if length & DISCARDED == 0 {
                    visit(self.producer.bytes(at + HEADER, bytes));
                }
                position += (bytes + HEADER).next_multiple_of(8) as u64;
                // Sequentially consistent: the kernel wakes us for the next record only if it sees
                // this one read.
                self.consumer.position().store(position, Ordering::SeqCst);
            }
        }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

/// A piece of shared memory.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is reached through its methods alone, and they give out atomics, or bytes that nobody
// writes meanwhile.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(
        map: &OwnedFd,
        length: usize,
        protection: ProtFlags,
        offset: u64,
    ) -> Result<Self, CallError> {
        let flags = MapFlags::SHARED;
        // SAFETY: the kernel chooses an address that is free.
        let start = unsafe { mmap(std::ptr::null_mut(), length, protection, flags, map, offset) }
            .map_err(CallError::of("mmap"))?;
        let start = NonNull::new(start.cast()).ok_or(CallError {
            call: "mmap",
            errno: rustix::io::Errno::FAULT,
        })?;
        Ok(Self { start, length })
    }

    /// The position that either mapping begins with.
    fn position(&self) -> &AtomicU64 {
        // SAFETY: a mapping is at least a page, aligned to one, and lives as long as this borrow.
        unsafe { self.start.cast().as_ref() }
    }

    /// The word at an offset, which both sides read and write as a whole.
    fn word(&self, at: usize) -> &AtomicU32 {
        assert!(
            at.is_multiple_of(4) && at + 4 <= self.length,
            "inside the ring"
        );
        // SAFETY: within the mapping, by the line before.
        let word = unsafe { self.start.add(at) };
        // SAFETY: aligned and within the mapping, which lives as long as this borrow.
        unsafe { word.cast().as_ref() }
    }

    /// Bytes that the kernel has finished and will not touch until our position has passed them.
    fn bytes(&self, at: usize, length: usize) -> &[u8] {
        assert!(at + length <= self.length, "inside the ring");
        // SAFETY: within the mapping, by the line before.
        let bytes = unsafe { self.start.add(at) };
        // SAFETY: within the mapping, and nobody writes there before the position moves, which
        // takes the borrow's end.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr(), length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by us, and nothing borrowed from it is left.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "munmap of a mapping of ours");
    }
}
