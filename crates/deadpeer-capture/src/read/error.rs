//! Why a capture can't be read, or not to its end.

use std::io;

/// Why a capture can't be read, or not any further. Offsets count bytes of the unpacked file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input has no bytes at all.
    #[error("it is empty")]
    Empty,
    /// It begins like no known capture format.
    #[error("it is no capture: a pcap, pcapng or snoop file doesn't begin with {}", hex(.first))]
    NotACapture {
        /// The first bytes, at most four.
        first: Vec<u8>,
    },
    /// A version of the format that nobody described.
    #[error("version {major}.{minor} at byte {offset} is unknown")]
    UnknownVersion {
        /// Where the version stands.
        offset: u64,
        /// Its first number.
        major: u16,
        /// Its second number.
        minor: u16,
    },
    /// The file ends within a record, as it does when the writer was killed.
    #[error("it ends at byte {end}, within the {what} that begins at byte {offset}")]
    Truncated {
        /// What is cut off.
        what: &'static str,
        /// Where that begins.
        offset: u64,
        /// Where the file ends.
        end: u64,
    },
    /// The file contradicts itself or its format.
    #[error("byte {offset}: {what}")]
    Corrupt {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file cannot be unpacked any further.
    #[error("byte {offset} of the unpacked file: {source}")]
    Unpack {
        /// How far it could be unpacked.
        offset: u64,
        /// What is wrong.
        source: io::Error,
    },
    /// The input could not be read.
    #[error("byte {offset}: {source}")]
    Io {
        /// How far it could be read.
        offset: u64,
        /// What went wrong.
        source: io::Error,
    },
}

impl ReadError {
    /// The byte of the unpacked file at which reading stopped.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::Empty | Self::NotACapture { .. } => 0,
            Self::UnknownVersion { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::Corrupt { offset, .. }
            | Self::Unpack { offset, .. }
            | Self::Io { offset, .. } => *offset,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    words.join(" ")
}
