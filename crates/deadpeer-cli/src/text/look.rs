//! How text is laid out: the width there is, and whether there are colours.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

/// Where text goes and how it may look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Columns of the terminal; `None`: no limit.
    pub(crate) width: Option<usize>,
    /// Whether to write colours.
    pub(crate) color: bool,
}

/// Columns that `text` takes on a terminal.
pub(super) fn display_width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// Writes text in its style, if there are colours.
pub(crate) fn write_styled<W: Write>(
    out: &mut W,
    look: Look,
    style: Style,
    text: &str,
) -> io::Result<()> {
    if look.color && !style.is_plain() {
        write!(out, "{style}{text}{style:#}")
    } else {
        out.write_all(text.as_bytes())
    }
}
