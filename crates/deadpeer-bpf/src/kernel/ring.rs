//! A ring buffer shared with the kernel (Documentation/bpf/ringbuf.rst).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::mm::ProtFlags;

use super::mapping::Mapping;
use crate::CallError;

/// The reader's end. The kernel writes records, we move our position past those that we have read.
#[derive(Debug)]
pub(crate) struct Ring {
    map: OwnedFd,
    /// One page, ours to write: our position.
    consumer: Mapping,
    /// One page with the kernel's position, then the data.
    producer: Mapping,
    /// A record that ends at the beginning of the data, put together.
    joined: Vec<u8>,
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
    /// Maps the ring of a map that was made with `size` bytes. The kernel offers the data twice in
    /// a row, so that no record is split; each page would then count twice as memory of ours.
    pub(crate) fn map(map: OwnedFd, size: usize) -> Result<Self, CallError> {
        let page = rustix::param::page_size();
        let write = ProtFlags::READ | ProtFlags::WRITE;
        let consumer = Mapping::of_map(&map, page, write, 0)?;
        let producer = Mapping::of_map(&map, page + size, ProtFlags::READ, page as u64)?;
        Ok(Self {
            map,
            consumer,
            producer,
            joined: Vec::new(),
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
                    visit(self.record(position as usize + HEADER, bytes));
                }
                position += (bytes + HEADER).next_multiple_of(8) as u64;
                // Sequentially consistent: the kernel wakes us for the next record only if it sees
                // this one read.
                self.consumer.position().store(position, Ordering::SeqCst);
            }
        }
    }

    /// The record of so many bytes that begins at a position.
    fn record(&mut self, position: usize, bytes: usize) -> &[u8] {
        let start = position & (self.size - 1);
        let until_end = bytes.min(self.size - start);
        let record = self.producer.bytes(self.page + start, until_end);
        if until_end == bytes {
            return record;
        }
        self.joined.clear();
        self.joined.extend_from_slice(record);
        let rest = self.producer.bytes(self.page, bytes - until_end);
        self.joined.extend_from_slice(rest);
        &self.joined
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}
