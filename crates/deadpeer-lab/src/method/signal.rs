//! What a method notices.

use deadpeer_sys::{Errno, errno_name};

/// By what a method noticed something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signal {
    /// What it says about the peer.
    pub kind: Kind,
    /// What was seen, in the words of the interface: `ETIMEDOUT`, `RDHUP`, `CLOSE_WAIT`.
    pub words: String,
}

/// What a signal says about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It has ended its half: an end of stream.
    EndOfStream,
    /// The connection is dead.
    Dead,
    /// The peer's application is silent.
    ApplicationSilent,
}

impl Signal {
    pub(crate) fn end_of_stream(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::EndOfStream,
            words: words.into(),
        }
    }

    pub(crate) fn dead(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::Dead,
            words: words.into(),
        }
    }

    pub(crate) fn silent(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::ApplicationSilent,
            words: words.into(),
        }
    }

    pub(crate) fn errno(call: &str, errno: Errno) -> Self {
        Self::dead(format!("{call} {}", errno_name(errno)))
    }
}
