//! Tables that stream: the first rows decide the widths, the rest is written as it comes.
//!
//! In a pipe a table has its full width. On a terminal it fits: wide columns lose their middle,
//! then the least important columns go.

mod column;
mod line;
mod row;
#[cfg(test)]
mod tests;
mod widths;

use std::io::{self, Write};

use anstyle::Style;

use super::look::{Look, display_width};
use super::paragraph::paragraph;
use super::style;

pub(crate) use column::{Column, Cut};
pub(crate) use row::Row;

use line::write_row;
use widths::fit;

/// So many rows are held back to learn the widths.
const LOOK_AHEAD: usize = 1000;

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
