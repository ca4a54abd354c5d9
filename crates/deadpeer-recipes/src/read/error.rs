//! Why a configuration can't be read.

use super::document::SyntaxError;

/// A configuration that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is not written as the program wants it.
    #[error("{error}{}", own_check(check.as_deref()))]
    Syntax {
        /// Where, and what.
        error: SyntaxError,
        /// The program's own check of its configuration.
        check: Option<String>,
    },
    /// It is another program's.
    #[error(
        "{file} looks like a configuration of {looks_like}, not of {asked}: --for {looks_like}"
    )]
    Another {
        /// The file.
        file: String,
        /// The program that was asked for.
        asked: &'static str,
        /// The program whose it seems to be.
        looks_like: &'static str,
    },
    /// It has nothing by which it is known to be the program's.
    #[error(
        "{file} doesn't look like a configuration of {title}: no line of it has a key by which one is known ({}, ...)", keys.join(", ")
    )]
    Strange {
        /// The file.
        file: String,
        /// The program that was asked for.
        title: &'static str,
        /// Some of the keys that would be looked for.
        keys: &'static [String],
    },
    /// It sets nothing, and nothing tells that it is the program's.
    #[error(
        "{file} doesn't look like a configuration of {title}: it sets nothing, and no comment in it shows a key by which one is known ({}, ...)", keys.join(", ")
    )]
    Silent {
        /// The file.
        file: String,
        /// The program that was asked for.
        title: &'static str,
        /// Some of the keys that would be looked for.
        keys: &'static [String],
    },
    /// The recipe says nothing of how it is written.
    #[error("configurations of {0} can't be read; `deadpeer plan --for {0}` says what to write")]
    Unreadable(&'static str),
}

fn own_check(check: Option<&str>) -> String {
    check
        .map(|check| format!("; the program's own check: {check}"))
        .unwrap_or_default()
}
