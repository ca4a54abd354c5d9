//! Pages of our own, or shared with the kernel.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::CallError;

/// Pages that are given back when it is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is reached through its methods alone, and they give out atomics, or bytes that nobody
// writes meanwhile.
unsafe impl Send for Mapping {}
// SAFETY: as before.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Pages of a map, shared with the kernel.
    pub(super) fn of_map(
        map: &OwnedFd,
        length: usize,
        protection: ProtFlags,
        offset: u64,
    ) -> Result<Self, CallError> {
        let flags = MapFlags::SHARED;
        // SAFETY: the kernel chooses an address that is free.
        let start = unsafe { mmap(std::ptr::null_mut(), length, protection, flags, map, offset) };
        Self::at(start.map_err(CallError::of("mmap"))?, length)
    }

    /// Pages of our own, full of zeros.
    fn anonymous(length: usize) -> Result<Self, CallError> {
        let (write, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: the kernel chooses an address that is free.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), length, write, flags) };
        Self::at(start.map_err(CallError::of("mmap"))?, length)
    }

    fn at(start: *mut std::ffi::c_void, length: usize) -> Result<Self, CallError> {
        let start = NonNull::new(start.cast()).ok_or(CallError {
            call: "mmap",
            errno: rustix::io::Errno::FAULT,
        })?;
        Ok(Self { start, length })
    }

    /// The position that a mapping of a ring begins with.
    pub(super) fn position(&self) -> &AtomicU64 {
        // SAFETY: a mapping is at least a page, aligned to one, and lives as long as this borrow.
        unsafe { self.start.cast().as_ref() }
    }

    /// The word at an offset, which both sides read and write as a whole.
    pub(super) fn word(&self, at: usize) -> &AtomicU32 {
        assert!(
            at.is_multiple_of(4) && at + 4 <= self.length,
            "inside the mapping"
        );
        // SAFETY: within the mapping, by the line before.
        let word = unsafe { self.start.add(at) };
        // SAFETY: aligned and within the mapping, which lives as long as this borrow.
        unsafe { word.cast().as_ref() }
    }

    /// Bytes that the kernel has finished and will not touch until our position has passed them.
    pub(super) fn bytes(&self, at: usize, length: usize) -> &[u8] {
        assert!(at + length <= self.length, "inside the mapping");
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

/// What a large file held, in pages of its own. An allocator may keep what a `Vec` of megabytes
/// took, and a process that runs for months then has it for good.
#[derive(Debug)]
pub(crate) struct Contents {
    pages: Mapping,
    length: usize,
}

impl Contents {
    /// Reads a file whose length is known.
    pub(crate) fn read(mut file: File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let pages = Mapping::anonymous(length).map_err(|error| error.errno)?;
        // SAFETY: within the mapping, which is ours alone, writable and initialized with zeros.
        let bytes = unsafe { std::slice::from_raw_parts_mut(pages.start.as_ptr(), length) };
        file.read_exact(bytes)?;
        Ok(Self { pages, length })
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.pages.bytes(0, self.length)
    }
}
