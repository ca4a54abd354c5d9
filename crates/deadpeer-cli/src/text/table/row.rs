//! The rows of a table.

use std::fmt::{self, Write as _};

use anstyle::Style;

use crate::text::style;

/// One row: cells of safe text, each with a style. Reusable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    text: String,
    cells: Vec<(usize, Style)>,
}

impl Row {
    /// Adds a cell. The text must be sanitized.
    pub(crate) fn cell(&mut self, style: Style, text: impl fmt::Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{text}");
        self.cells.push((self.text.len(), style));
        self
    }

    /// Adds a cell without a style.
    pub(crate) fn plain(&mut self, text: impl fmt::Display) -> &mut Self {
        self.cell(style::PLAIN, text)
    }

    /// Adds what is known, or a faint question mark.
    pub(crate) fn known(&mut self, text: Option<impl fmt::Display>) -> &mut Self {
        match text {
            Some(text) => self.plain(text),
            None => self.cell(style::FAINT, "?"),
        }
    }

    /// Adds what there is, or an empty cell.
    pub(crate) fn maybe(&mut self, text: Option<impl fmt::Display>) -> &mut Self {
        match text {
            Some(text) => self.plain(text),
            None => self.plain(""),
        }
    }

    /// Empties the row, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (&str, Style)> {
        self.cells.iter().scan(0, |start, (end, style)| {
            let cell = &self.text[*start..*end];
            *start = *end;
            Some((cell, *style))
        })
    }
}
