//! Why an undo file could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

/// An undo file could not be written. Nothing is changed without one.
#[derive(Debug, thiserror::Error)]
pub enum WriteUndoError {
    /// There is one with this name. It may be somebody's only way back, so it is not replaced.
    #[error("{} already exists", path.display())]
    Taken {
        /// Its path.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write {}: {error}", path.display())]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// An undo file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadUndoError {
    /// The file system refused.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// It is no undo file.
    #[error("{} is not an undo file: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// It was written by a later version of this program.
    #[error("{} has a format that this version doesn't know", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> WriteUndoError {
    let path = path.to_owned();
    |error| WriteUndoError::Io { path, error }
}
