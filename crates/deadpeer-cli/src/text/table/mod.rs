//! Tables that stream: the first rows decide the widths, the rest is written as it comes.
//!
//! In a pipe a table has its full width. On a terminal it fits: wide columns lose their middle, then
//! the least important columns go.

mod line;
#[cfg(test)]
mod tests;
mod widths;

use super::paragraph::paragraph;
use super::style;
use anstyle::Style;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

pub(super) use line::display_width;
use line::write_row;
use widths::fit;

/// So many rows are held back to learn the widths.
const LOOK_AHEAD: usize = 1000;
/// Spaces between columns.
const GAP: usize = 2;

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// Numbers stand right.
    pub(crate) right: bool,
    /// How its cells may be shortened.
    pub(crate) cut: Cut,
    /// On a narrow terminal columns with the highest number go first; those with 0 stay.
    pub(crate) drop: u8,
}

/// How a cell is shortened, and to how many columns at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Not at all: half a number is a wrong number.
    Never,
    /// The end goes: sentences say the most important first.
    End(usize),
    /// The middle goes: the ends of an address say most.
    Middle(usize),
}

impl Cut {
    fn least(self) -> Option<usize> {
        match self {
            Self::Never => None,
            Self::End(least) | Self::Middle(least) => Some(least),
        }
    }
}

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

    /// Empties the row, keeping its memory.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
    }

    fn cells(&self) -> impl Iterator<Item = (&str, Style)> {
        self.cells.iter().scan(0, |start, (end, style)| {
            let cell = &self.text[*start..*end];
            *start = *end;
            Some((cell, *style))
        })
    }
}

/// Where a table goes and how it may look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Columns of the terminal; `None`: no limit.
    pub(crate) width: Option<usize>,
    /// Whether to write colours.
    pub(crate) color: bool,
}

/// A table being written.
pub(crate) struct Table<'a, W: Write> {
    out: W,
    look: Look,
    columns: &'a [Column],
    /// Decided once the rows held back have been seen.
    widths: Option<Vec<Option<usize>>>,
    held: Vec<Line>,
}

enum Line {
    Row(Row),
    Note(Style, String),
}

impl<'a, W: Write> Table<'a, W> {
    /// A table that is written to `out`.
    pub(crate) fn new(out: W, look: Look, columns: &'a [Column]) -> Self {
        Self {
            out,
            look,
            columns,
            widths: None,
            held: Vec::new(),
        }
    }

    /// Writes one row, or holds it back while the widths are open.
    pub(crate) fn row(&mut self, row: &Row) -> io::Result<()> {
        match &self.widths {
            Some(widths) => write_row(&mut self.out, self.look, self.columns, widths, row),
            None => self.hold(Line::Row(row.clone())),
        }
    }

    /// Writes a line of safe text that belongs to the row before it, wrapped on a terminal.
    pub(crate) fn note(&mut self, style: Style, text: String) -> io::Result<()> {
        match &self.widths {
            Some(_) => write_note(&mut self.out, self.look, style, &text),
            None => self.hold(Line::Note(style, text)),
        }
    }

    /// Writes what is still held back and hands `out` back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if self.widths.is_none() {
            self.settle()?;
        }
        Ok(self.out)
    }

    fn hold(&mut self, line: Line) -> io::Result<()> {
        self.held.push(line);
        if self.held.len() < LOOK_AHEAD {
            return Ok(());
        }
        self.settle()
    }

    fn settle(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        let mut natural: Vec<usize> = self
            .columns
            .iter()
            .map(|c| display_width(c.title))
            .collect();
        for line in &held {
            let Line::Row(row) = line else { continue };
            for (width, (cell, _)) in natural.iter_mut().zip(row.cells()) {
                *width = (*width).max(display_width(cell));
            }
        }
        let widths = fit(self.columns, &natural, self.look.width);
        let mut titles = Row::default();
        for column in self.columns {
            titles.cell(style::TITLE, column.title);
        }
        write_row(&mut self.out, self.look, self.columns, &widths, &titles)?;
        for line in held {
            match line {
                Line::Row(row) => {
                    write_row(&mut self.out, self.look, self.columns, &widths, &row)?;
                }
                Line::Note(style, text) => write_note(&mut self.out, self.look, style, &text)?,
            }
        }
        self.widths = Some(widths);
        Ok(())
    }
}

/// A note starts with "  ! " and goes on below its first word.
fn write_note<W: Write>(out: &mut W, look: Look, style: Style, text: &str) -> io::Result<()> {
    paragraph(out, look, style, "  ! ", "    ", text)
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
