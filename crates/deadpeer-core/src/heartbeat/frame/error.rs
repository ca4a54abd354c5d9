//! What can be wrong with what arrives.

use std::fmt;

use super::bye::Reason;
use super::{Kind, VERSION};

/// Why a stream is no stream of frames. Nothing behind it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameError {
    /// The first frame is no hello of this protocol: the other end speaks something else.
    NotHeartbeat,
    /// The other end's hello is of another version.
    WrongVersion {
        /// Its version.
        theirs: u8,
    },
    /// A kind that this version doesn't have.
    UnknownKind {
        /// The byte.
        kind: u8,
    },
    /// More payload than its kind may have.
    Oversized {
        /// What it is.
        kind: Kind,
        /// The length that its header announces, bytes.
        length: usize,
        /// The most that is allowed, bytes.
        most: usize,
    },
    /// Less payload than its kind needs.
    Undersized {
        /// What it is.
        kind: Kind,
        /// The length that its header announces, bytes.
        length: usize,
        /// The least that is needed, bytes.
        least: usize,
    },
    /// A frame where it has no place: data or another end after the end, anything after a bye.
    Misplaced {
        /// What it is.
        kind: Kind,
    },
    /// The words of a bye are not UTF-8.
    Garbled,
    /// The stream ends within a frame.
    Truncated,
}

impl std::error::Error for FrameError {}

impl From<FrameError> for std::io::Error {
    /// [`InvalidData`](std::io::ErrorKind::InvalidData), with the error inside.
    fn from(error: FrameError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHeartbeat => {
                f.write_str("the other end does not speak the heartbeat protocol")
            }
            Self::WrongVersion { theirs } => write!(
                f,
                "the other end speaks version {theirs} of the heartbeat protocol, not {VERSION}"
            ),
            Self::UnknownKind { kind } => write!(f, "a frame of unknown kind {kind}"),
            Self::Oversized { kind, length, most } => {
                write!(f, "a {} of {length} bytes; {most} are allowed", kind.name())
            }
            Self::Undersized {
                kind,
                length,
                least,
            } => write!(f, "a {} of {length} bytes; it takes {least}", kind.name()),
            Self::Misplaced { kind } => write!(f, "a {} where there may be none", kind.name()),
            Self::Garbled => f.write_str("the words of a bye are not UTF-8"),
            Self::Truncated => f.write_str("the stream ends within a frame"),
        }
    }
}

impl FrameError {
    /// The word of the specification.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotHeartbeat => "not-heartbeat",
            Self::WrongVersion { .. } => "wrong-version",
            Self::UnknownKind { .. } => "unknown-kind",
            Self::Oversized { .. } => "oversized",
            Self::Undersized { .. } => "undersized",
            Self::Misplaced { .. } => "misplaced",
            Self::Garbled => "garbled",
            Self::Truncated => "truncated",
        }
    }

    /// What to tell the other end, as far as it still listens.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotHeartbeat => Reason::NotHeartbeat,
            Self::WrongVersion { .. } => Reason::WrongVersion,
            Self::UnknownKind { .. }
            | Self::Oversized { .. }
            | Self::Undersized { .. }
            | Self::Misplaced { .. }
            | Self::Garbled
            | Self::Truncated => Reason::BadFrame,
        }
    }
}
