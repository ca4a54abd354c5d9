//! Colours: few, and each with a meaning.

use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};

/// When to colour the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or CLICOLOR=0; in a pipe with CLICOLOR_FORCE=1.
    #[default]
    Auto,
    /// Always, also into a pipe.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// Whether stdout is to be coloured.
    pub(crate) fn resolve(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
            }
        }
    }
}

/// Whether people look at stdout directly.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Nothing special.
pub(crate) const PLAIN: Style = Style::new();
/// Titles of tables and sections.
pub(crate) const TITLE: Style = Style::new().bold();
/// Over the deadline, or never.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Worth a look.
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();
/// Within the deadline.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Less important than its surroundings.
pub(crate) const FAINT: Style = Style::new().dimmed();
