//! Tables that stream: the first rows decide the widths, the rest is written as it comes.
//!
//! In a pipe a table has its full width. On a terminal it fits: what there is no room for goes to a
//! second line below its row, with its title. A column in which nothing stands is left out.

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

pub(crate) use column::Column;
pub(crate) use row::Row;

use line::{write_row, write_titles};
use widths::{Layout, fit};

/// So many rows are held back to learn the widths.
const LOOK_AHEAD: usize = 1000;

/// A table being written.
pub(crate) struct Table<'a, W: Write> {
    out: W,
    look: Look,
    columns: &'a [Column],
    /// Decided once the rows held back have been seen.
    layout: Option<Layout>,
    held: Vec<Line>,
    /// The row that is being filled.
    next: Row,
}

/// Whether more rows may come than were held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    First,
    All,
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
            layout: None,
            held: Vec::new(),
            next: Row::default(),
        }
    }

    /// Writes the row that `fill` makes of an empty one, or holds it back while widths are open.
    pub(crate) fn row(&mut self, fill: impl FnOnce(&mut Row)) -> io::Result<()> {
        self.next.clear();
        fill(&mut self.next);
        match &self.layout {
            Some(layout) => write_row(&mut self.out, self.look, self.columns, layout, &self.next),
            None => self.hold(Line::Row(self.next.clone())),
        }
    }

    /// Writes a line of safe text that belongs to the row before it, wrapped on a terminal.
    pub(crate) fn note(&mut self, style: Style, text: String) -> io::Result<()> {
        match &self.layout {
            Some(_) => write_note(&mut self.out, self.look, style, &text),
            None => self.hold(Line::Note(style, text)),
        }
    }

    /// Writes what is still held back and hands `out` back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if self.layout.is_none() {
            self.settle(Rows::All)?;
        }
        Ok(self.out)
    }

    fn hold(&mut self, line: Line) -> io::Result<()> {
        self.held.push(line);
        if self.held.len() < LOOK_AHEAD {
            return Ok(());
        }
        self.settle(Rows::First)
    }

    fn settle(&mut self, seen: Rows) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        let layout = self.layout(&held, seen);
        write_titles(&mut self.out, self.look, self.columns, &layout)?;
        for line in held {
            match line {
                Line::Row(row) => {
                    write_row(&mut self.out, self.look, self.columns, &layout, &row)?;
                }
                Line::Note(style, text) => write_note(&mut self.out, self.look, style, &text)?,
            }
        }
        self.layout = Some(layout);
        Ok(())
    }

    fn layout(&self, held: &[Line], seen: Rows) -> Layout {
        let mut widest = vec![0; self.columns.len()];
        for line in held {
            let Line::Row(row) = line else { continue };
            for (width, (cell, _)) in widest.iter_mut().zip(row.cells()) {
                *width = (*width).max(display_width(cell));
            }
        }
        let natural = self.columns.iter().zip(widest).map(|(column, widest)| {
            let stays = widest > 0 || seen == Rows::First;
            stays.then(|| widest.max(display_width(column.title)))
        });
        fit(self.columns, natural.collect(), self.look.width)
    }
}

/// A note starts with "  ! " and goes on below its first word.
fn write_note<W: Write>(out: &mut W, look: Look, style: Style, text: &str) -> io::Result<()> {
    paragraph(out, look, style, "  ! ", "    ", text)
}
