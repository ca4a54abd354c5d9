//! What is wrong with a configuration, in one sentence.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A configuration that is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file or directory that somebody else could have written: what it says would be done as
    /// root.
    #[error("{}: {problem}, so it is not trusted", path.display())]
    Untrusted {
        /// Which.
        path: PathBuf,
        /// Who could have written it.
        problem: Problem,
    },
    /// A file says something that has no meaning.
    #[error("{}: {problem}", place)]
    Wrong {
        /// Where.
        place: Place,
        /// What.
        problem: String,
    },
}

/// Who could have written a file that is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Everybody, or a group.
    #[error("everybody, or a group, may write it")]
    Writable,
    /// A user who is neither root nor we.
    #[error("it belongs to user {0}, neither root nor us")]
    Foreign(u32),
}

/// A place in a file; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(super) path: PathBuf,
    /// `None`: the file as a whole.
    pub(super) at: Option<(usize, usize)>,
}

impl Place {
    /// Where a byte of a text is.
    pub(super) fn of(path: &Path, text: &str, offset: Option<usize>) -> Self {
        let at = offset.map(|offset| {
            let before = text.get(..offset).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .map_or(0, |line| line.chars().count());
            (line, column + 1)
        });
        Self {
            path: path.to_owned(),
            at,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)?;
        match self.at {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}
