//! What can be wrong with what arrives.

use super::bye::Reason;
use super::{Kind, VERSION};

/// Why a stream is no stream of frames. Nothing behind it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first frame is no hello of this protocol: the other end speaks something else.
    #[error("the other end does not speak the heartbeat protocol")]
    NotHeartbeat,
    /// The other end's hello is of another version.
    #[error("the other end speaks version {theirs} of the heartbeat protocol, not {VERSION}")]
    WrongVersion {
        /// Its version.
        theirs: u8,
    },
    /// A kind that this version doesn't have.
    #[error("a frame of unknown kind {kind}")]
    UnknownKind {
        /// The byte.
        kind: u8,
    },
    /// More payload than its kind may have.
    #[error("a {} of {length} bytes; {most} are allowed", kind.name())]
    Oversized {
        /// What it is.
        kind: Kind,
        /// The length that its header announces, bytes.
        length: usize,
        /// The most that is allowed, bytes.
        most: usize,
    },
    /// Less payload than its kind needs.
    #[error("a {} of {length} bytes; it takes {least}", kind.name())]
    Undersized {
        /// What it is.
        kind: Kind,
        /// The length that its header announces, bytes.
        length: usize,
        /// The least that is needed, bytes.
        least: usize,
    },
    /// A frame where it has no place: data or another end after the end, anything after a bye.
    #[error("a {} where there may be none", kind.name())]
    Misplaced {
        /// What it is.
        kind: Kind,
    },
    /// The words of a bye are not UTF-8.
    #[error("the words of a bye are not UTF-8")]
    Garbled,
    /// The stream ends within a frame.
    #[error("the stream ends within a frame")]
    Truncated,
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
