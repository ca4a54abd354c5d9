//! Compressed captures, told by their first bytes.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::ReadError;

/// How a capture file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// gzip (RFC 1952), also several members after each other.
    Gzip,
    /// Zstandard (RFC 8878), also several frames after each other.
    Zstd,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Sixteen numbers begin a frame of zstd that is to be skipped; the first byte counts them.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];

/// The input with the bytes that were looked at put back.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// An input, unpacked as it is read.
#[derive(Debug)]
pub(super) enum Unpacked<R> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Whole<R>>>>),
    Zstd(Box<Zstd<BufReader<Whole<R>>>>),
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(mut input: R) -> Result<Self, ReadError> {
        let mut first = Vec::new();
        input
            .by_ref()
            .take(4)
            .read_to_end(&mut first)
            .map_err(|source| ReadError::Io { offset: 0, source })?;
        let gzip = first.starts_with(GZIP);
        let zstd = first.starts_with(ZSTD)
            || (first.len() == 4 && first[0] & 0xf0 == 0x50 && first[1..] == *ZSTD_SKIPPABLE);
        let whole = Cursor::new(first).chain(input);
        Ok(if gzip {
            Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(whole))))
        } else if zstd {
            Self::Zstd(Box::new(Zstd::new(BufReader::new(whole))))
        } else {
            Self::Plain(whole)
        })
    }

    pub(super) fn compression(&self) -> Option<Compression> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(_) => Some(Compression::Gzip),
            Self::Zstd(_) => Some(Compression::Zstd),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(into),
            Self::Gzip(input) => input.read(into),
            Self::Zstd(input) => input.read(into),
        }
    }
}

/// Frames of zstd, one after the other.
pub(super) struct Zstd<R> {
    input: R,
    frame: FrameDecoder,
    within: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            frame: FrameDecoder::new(),
            within: false,
        }
    }

    /// Begins the next frame; `false` at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.input) {
                Ok(()) => {
                    self.within = true;
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
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            let read = self.frame.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            if self.frame.is_finished() {
                self.within = false;
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
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}
