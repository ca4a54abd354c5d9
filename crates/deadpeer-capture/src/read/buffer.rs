//! A window on the input that grows to what a record needs and not further.

use std::io::{self, Read};

use super::error::ReadError;
use super::unpack::Unpacked;

/// How much is asked of the input at once.
const PIECE: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Buffer<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The offset of `start` in the file.
    offset: u64,
    ended: bool,
}

impl<R: Read> Buffer<Unpacked<R>> {
    pub(super) fn new(input: Unpacked<R>) -> Self {
        Self {
            input,
            bytes: vec![0; PIECE],
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
        }
    }

    /// How many bytes were taken.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn input(&self) -> &Unpacked<R> {
        &self.input
    }

    /// The next `n` bytes, or fewer at the end of the file. They are not taken.
    pub(super) fn first(&mut self, n: usize) -> Result<&[u8], ReadError> {
        if self.end - self.start < n {
            self.fill(n)?;
        }
        Ok(&self.bytes[self.start..self.end.min(self.start + n)])
    }

    /// The next bytes as an array; `None` at the end of the file. They are not taken.
    ///
    /// A record that has begun is `what` in the error when the file ends within it.
    pub(super) fn head<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<Option<[u8; N]>, ReadError> {
        let (offset, first) = (self.offset, self.first(N)?);
        match first.first_chunk::<N>() {
            Some(head) => Ok(Some(*head)),
            None if first.is_empty() => Ok(None),
            None => Err(ReadError::Truncated {
                what,
                offset,
                end: offset + first.len() as u64,
            }),
        }
    }

    /// Makes sure that the next `n` bytes are there.
    pub(super) fn need(&mut self, n: usize, what: &'static str) -> Result<(), ReadError> {
        let offset = self.offset;
        let there = self.first(n)?.len();
        if there < n {
            return Err(ReadError::Truncated {
                what,
                offset,
                end: offset + there as u64,
            });
        }
        Ok(())
    }

    /// Takes `n` bytes that are there and lends them from `skip` on.
    pub(super) fn take(&mut self, n: usize) -> &[u8] {
        let from = self.start;
        self.start += n;
        self.offset += n as u64;
        &self.bytes[from..self.start]
    }

    /// Drops `n` bytes, however many, without keeping them.
    pub(super) fn skip(&mut self, n: u64, what: &'static str) -> Result<(), ReadError> {
        let offset = self.offset;
        let mut left = n;
        while left > 0 {
            let there = self.first(1)?.len();
            if there == 0 {
                return Err(ReadError::Truncated {
                    what,
                    offset,
                    end: self.offset,
                });
            }
            let held = self.end - self.start;
            let now = usize::try_from(left).map_or(held, |left| left.min(held));
            self.take(now);
            left -= now as u64;
        }
        Ok(())
    }

    /// Reads until `n` bytes are there or the input ends.
    fn fill(&mut self, n: usize) -> Result<(), ReadError> {
        if self.ended {
            return Ok(());
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < n {
            self.bytes.resize(n.next_multiple_of(PIECE), 0);
        }
        while self.end < n {
            match self.input.read(&mut self.bytes[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(())
    }

    fn failure(&self, source: io::Error) -> ReadError {
        let offset = self.offset + (self.end - self.start) as u64;
        match self.input.compression() {
            Some(_) if source.kind() == io::ErrorKind::UnexpectedEof => ReadError::Truncated {
                what: "compressed data",
                offset: self.offset,
                end: offset,
            },
            Some(_) => ReadError::Unpack { offset, source },
            None => ReadError::Io { offset, source },
        }
    }
}
