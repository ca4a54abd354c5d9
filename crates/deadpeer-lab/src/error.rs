//! What a lab could not do.

use std::fmt::Display;
use std::io;

use deadpeer_sys::SysError;
use deadpeer_sys::netns::NetnsError;

/// What could not be done to a lab, its hosts, its wire or the peer's program. Nothing of it says
/// anything about what is tried in the lab.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A namespace could not be made or entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// A system call failed.
    #[error(transparent)]
    Call(#[from] SysError),
    /// The kernel refused something else.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The wire's thread has ended, which it does by itself only where a call failed or it
    /// panicked.
    #[error("the wire has stopped")]
    Stopped,
    /// Something that no call refused.
    #[error("{0}")]
    Other(String),
}

impl LabError {
    /// The kernel refused this.
    pub(crate) fn io<E: Into<io::Error>>(what: impl Display) -> impl FnOnce(E) -> Self {
        move |error| Self::Io {
            what: what.to_string(),
            source: error.into(),
        }
    }

    /// It happened to this part of a lab.
    pub(crate) fn of(part: impl Display) -> impl FnOnce(Self) -> Self {
        move |error| Self::Other(format!("{part}: {error}"))
    }

    pub(crate) fn no_host(name: &str) -> Self {
        Self::Other(format!("the lab has no host called {name:?}"))
    }
}
