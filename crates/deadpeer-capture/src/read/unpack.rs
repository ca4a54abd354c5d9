//! Compressed captures, told by their first bytes.
//!
//! Whatever a file says of itself, unpacking it takes a bounded amount of memory.

mod lz4;
mod zstd;

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::error::ReadError;
use lz4::Lz4;
use zstd::Zstd;

/// How a capture file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// gzip (RFC 1952), also several members after each other.
    Gzip,
    /// Zstandard (RFC 8878), also several frames after each other.
    Zstd,
    /// LZ4's frame format, also several frames after each other.
    Lz4,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &zstd::MAGIC;
const LZ4: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
/// The command's first format, whose blocks may have 8 MiB.
const LZ4_LEGACY: &[u8] = &[0x02, 0x21, 0x4c, 0x18];
/// Sixteen numbers begin a frame of zstd that is to be skipped; the first byte counts them.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];

/// The input with the bytes that were looked at put back.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// An input, unpacked as it is read.
#[derive(Debug)]
pub(super) enum Unpacked<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Whole<R>>>>),
    Zstd(Box<Zstd<BufReader<Whole<R>>>>),
    Lz4(Box<Lz4<BufReader<Whole<R>>>>),
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
        let lz4 = first.starts_with(LZ4) || first.starts_with(LZ4_LEGACY);
        let whole = Cursor::new(first).chain(input);
        Ok(if gzip {
            Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(whole))))
        } else if zstd {
            Self::Zstd(Box::new(Zstd::new(BufReader::new(whole))))
        } else if lz4 {
            Self::Lz4(Box::new(Lz4::new(BufReader::new(whole))))
        } else {
            Self::Plain(whole)
        })
    }

    pub(super) fn compression(&self) -> Option<Compression> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(_) => Some(Compression::Gzip),
            Self::Zstd(_) => Some(Compression::Zstd),
            Self::Lz4(_) => Some(Compression::Lz4),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(into),
            Self::Gzip(input) => input.read(into),
            Self::Zstd(input) => input.read(into),
            Self::Lz4(input) => input.read(into),
        }
    }
}
