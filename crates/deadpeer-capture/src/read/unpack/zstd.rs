//! Zstandard (RFC 8878).

use std::fmt;
use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The largest window that is kept, bytes: what zstd(1) unpacks too, unless it is told to take more
/// memory.
const LARGEST_WINDOW: u64 = 128 << 20;

/// Frames of zstd, one after the other.
pub(in crate::read) struct Zstd<R> {
    input: R,
    frame: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            frame: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Takes the head of a frame as far as it says how much memory the frame takes.
    fn frame_head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = vec![0; MAGIC.len()];
        self.input.read_exact(&mut head)?;
        if head != MAGIC {
            return Ok(head);
        }
        let mut descriptor = [0];
        self.input.read_exact(&mut descriptor)?;
        let [descriptor] = descriptor;
        let parts = HeadParts::of(descriptor);
        head.push(descriptor);
        let start = head.len();
        head.resize(start + parts.window + parts.dictionary + parts.content, 0);
        self.input.read_exact(&mut head[start..])?;
        match parts.window_size(&head[start..]) {
            window if window > LARGEST_WINDOW => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a zstd frame whose window takes {} MiB, and {} are given: unpack it with zstd --decompress --long=31 first",
                    window.div_ceil(1 << 20),
                    LARGEST_WINDOW >> 20
                ),
            )),
            _ => Ok(head),
        }
    }

    /// Begins the next frame; `false` at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            let head = self.frame_head()?;
            match self.frame.reset((&head[..]).chain(&mut self.input)) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.input).take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.begin()? {
                return Ok(0);
            }
            let read = self.frame.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            if self.frame.is_finished() {
                self.in_frame = false;
                continue;
            }
            // A block is at most 128 KiB, and the input may be written as we read.
            if self.input.fill_buf()?.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.frame
                .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
}

impl<R> fmt::Debug for Zstd<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd")
            .field("in_frame", &self.in_frame)
            .finish_non_exhaustive()
    }
}

/// How many bytes each part of a frame's head has (RFC 8878, section 3.1.1.1).
struct HeadParts {
    window: usize,
    dictionary: usize,
    content: usize,
}

impl HeadParts {
    fn of(descriptor: u8) -> Self {
        let single_segment = descriptor & 0x20 != 0;
        Self {
            window: usize::from(!single_segment),
            dictionary: [0, 1, 2, 4][usize::from(descriptor & 0x03)],
            content: [usize::from(single_segment), 2, 4, 8][usize::from(descriptor >> 6)],
        }
    }

    /// The size of the window, from the parts. A frame of a single segment is its own window.
    fn window_size(&self, parts: &[u8]) -> u64 {
        if self.window == 0 {
            let mut content = [0; 8];
            content[..self.content].copy_from_slice(&parts[self.dictionary..]);
            return u64::from_le_bytes(content);
        }
        let (exponent, mantissa) = (parts[0] >> 3, parts[0] & 0x07);
        let base = 1_u64 << (10 + exponent);
        base + base / 8 * u64::from(mantissa)
    }
}
