//! Asking before anything is changed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::exit::Stop;

/// How a verb that changes something was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Only show what would be done.
    Rehearse,
    /// Given on the command line.
    Given,
    /// To be asked for on the terminal.
    Ask,
}

impl Consent {
    /// What the flags come to. Without a terminal nobody can be asked, and nothing is done unasked.
    pub(crate) fn of(dry_run: bool, yes: bool) -> Result<Self, Stop> {
        match (dry_run, yes) {
            (true, _) => Ok(Self::Rehearse),
            (false, true) => Ok(Self::Given),
            (false, false) if io::stdin().is_terminal() => Ok(Self::Ask),
            (false, false) => Err(Stop::because(
                "there is no terminal to ask for confirmation on: use --yes to proceed, or --dry-run to see what would be done (nothing was changed)",
            )),
        }
    }

    /// Whether to go on. Asks with this question if it is to be asked; whatever was shown must be
    /// flushed before.
    pub(crate) fn to(self, question: &str) -> Result<bool, Stop> {
        match self {
            Self::Rehearse => Ok(false),
            Self::Given => Ok(true),
            Self::Ask => ask(question),
        }
    }
}

fn ask(question: &str) -> Result<bool, Stop> {
    let mut terminal = io::stderr();
    let asked = write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush());
    asked.map_err(|error| Stop::because(format!("cannot ask: {error}")))?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Stop::because(format!("cannot read the answer: {error}")))?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"]
        .iter()
        .any(|yes| answer.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y\n", "Y\n", "yes\n", " YES \n"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yess\n", "j\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
