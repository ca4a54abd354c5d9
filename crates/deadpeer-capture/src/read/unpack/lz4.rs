//! LZ4's frame format.

use std::fmt;
use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

/// Frames of LZ4, one after the other. A block has 8 MiB at most, and few are kept.
pub(in crate::read) struct Lz4<R: Read> {
    frames: FrameDecoder<R>,
}

impl<R: BufRead> Lz4<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            frames: FrameDecoder::new(input),
        }
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            // The end of a frame is told like the end of the input.
            match self.frames.read(into)? {
                0 if into.is_empty() || self.frames.get_mut().fill_buf()?.is_empty() => {
                    return Ok(0);
                }
                0 => {}
                read => return Ok(read),
            }
        }
    }
}

impl<R: Read> fmt::Debug for Lz4<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lz4").finish_non_exhaustive()
    }
}
