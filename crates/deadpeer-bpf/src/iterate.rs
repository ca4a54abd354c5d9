//! Reading what an iterator writes: records of one size, one after the other.

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::kernel::Place;
use crate::load::Loaded;
use crate::{CallError, kernel};

/// An iterator that is ready to run.
#[derive(Debug)]
pub(crate) struct Iterator {
    link: OwnedFd,
}

/// As much as the kernel gathers before it hands over, twice.
const BUFFER: usize = 64 * 1024;

impl Iterator {
    pub(crate) fn attach(loaded: &Loaded) -> Result<Self, CallError> {
        let link = kernel::link_attach(&loaded.program, Place::Own)?;
        Ok(Self { link })
    }

    /// The same, over what one process has, for a program that walks over tasks (Linux 6.1).
    pub(crate) fn over_process(loaded: &Loaded, pid: u32) -> Result<Self, CallError> {
        let link = kernel::link_attach(&loaded.program, Place::Process(pid))?;
        Ok(Self { link })
    }

    /// Runs it for the calling thread and shows every record to `visit`, until it breaks.
    pub(crate) fn run<R>(&self, visit: impl FnMut(&R) -> ControlFlow<()>) -> Result<(), CallError>
    where
        R: FromBytes + Immutable + KnownLayout,
    {
        self.begin()?.each(visit)
    }

    /// A run for the calling thread: which namespace it shows is decided here
    /// (kernel/bpf/bpf_iter.c, `prepare_seq_file`).
    pub(crate) fn begin(&self) -> Result<Run, CallError> {
        let descriptor = kernel::iterator(&self.link)?;
        Ok(Run { descriptor })
    }
}

/// One run of an iterator. Any thread may read it.
#[derive(Debug)]
pub(crate) struct Run {
    descriptor: OwnedFd,
}

impl Run {
    /// Shows every record to `visit`, until it breaks.
    pub(crate) fn each<R>(
        self,
        mut visit: impl FnMut(&R) -> ControlFlow<()>,
    ) -> Result<(), CallError>
    where
        R: FromBytes + Immutable + KnownLayout,
    {
        // Words, so that records are aligned.
        let mut words = vec![0_u64; BUFFER / 8];
        let buffer = zerocopy::IntoBytes::as_mut_bytes(words.as_mut_slice());
        let mut filled = 0;
        loop {
            let free = buffer.get_mut(filled..).unwrap_or_default();
            filled += match rustix::io::read(&self.descriptor, free) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                // It looked at a million objects and wrote nothing: the kernel wants to be asked
                // again.
                Err(Errno::AGAIN | Errno::INTR) => 0,
                Err(errno) => {
                    let call = "read(iterator)";
                    return Err(CallError { call, errno });
                }
            };
            let whole = filled - filled % size_of::<R>();
            let records = <[R]>::ref_from_bytes(buffer.get(..whole).unwrap_or_default());
            for record in records.unwrap_or_default() {
                if visit(record).is_break() {
                    return Ok(());
                }
            }
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// As a kernel may give them: read(2) ends wherever it likes.
    #[test]
    fn records_that_come_in_pieces_are_whole() {
        let records: Vec<u64> = (0..50).map(|n| n * 0x0101_0101_0101_0101).collect();
        for piece in [1, 3, 8, 13] {
            let (read, mut write) = std::io::pipe().unwrap();
            let run = Run {
                descriptor: read.into(),
            };
            let bytes: Vec<u8> = records.iter().flat_map(|n| n.to_ne_bytes()).collect();
            let writer = std::thread::spawn(move || {
                for piece in bytes.chunks(piece) {
                    write.write_all(piece).unwrap();
                }
            });
            let mut seen = Vec::new();
            let each = run.each(|record: &u64| {
                seen.push(*record);
                ControlFlow::Continue(())
            });
            each.unwrap();
            writer.join().unwrap();
            assert_eq!(seen, records, "in pieces of {piece} B");
        }
    }
}
