//! The public interface of the libraries as text, so that a change of it is seen: `api/*.txt`.
//!
//! Read from the sources, and not from rustdoc, whose output differs from one compiler to the next.
//! What is listed is what can be named from outside: it is public in a public module, or
//! re-exported by name.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn's kinds of items are not ours and grow; what has no name of its own is not listed"
)]
mod crates;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn's kinds of items are not ours and grow; what has no name of its own is not listed"
)]
mod print;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use deadpeer_workspace::root;

use crates::Source;

/// The libraries that others depend on. C programs see `deadpeer.h`, which has a test of its own.
const LIBRARIES: [&str; 2] = ["deadpeer", "deadpeer-core"];

/// The interface of a library, one item after the other by their paths.
fn text(library: &str) -> Result<String> {
    let source = Source::read(&root().join("crates").join(library).join("src"))?;
    Ok(print::interface(&library.replace('-', "_"), &source))
}

fn file(library: &str) -> PathBuf {
    root().join("api").join(format!("{library}.txt"))
}

/// Writes the files anew. `false` if one had to be.
pub(crate) fn bless() -> Result<bool> {
    let mut as_before = true;
    for library in LIBRARIES {
        let (text, file) = (text(library)?, file(library));
        if fs::read_to_string(&file).unwrap_or_default() != text {
            fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
            println!("{}", file.display());
            as_before = false;
        }
    }
    Ok(as_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo xtask api` writes them anew.
    #[test]
    fn the_interfaces_in_the_tree_are_those_of_the_sources() {
        for library in LIBRARIES {
            let committed = fs::read_to_string(file(library)).unwrap_or_default();
            let now = text(library).unwrap();
            let differs = committed.lines().zip(now.lines()).find(|(a, b)| a != b);
            assert!(
                committed == now,
                "api/{library}.txt is not what the sources say, first {differs:?}: run `cargo xtask api`, and look at what changed"
            );
        }
    }

    #[test]
    fn what_users_call_is_listed() {
        let text = text("deadpeer").unwrap();
        for line in [
            "pub fn protect(",
            "pub use deadpeer_core::policy::{",
            "pub async fn gone(&self) -> Gone",
            "impl From<ProtectError> for io::Error",
            "impl<S: AsFd + AsyncRead + Unpin> AsyncRead for Guarded<S>",
        ] {
            assert!(text.contains(line), "{line}");
        }
        for inner in ["struct Line", "fn note_alarm", "pub(crate)", "pub(super)"] {
            assert!(!text.contains(inner), "{inner}");
        }
    }
}
