//! Tables that stream: the first rows decide the widths, the rest is written as it comes.
//!
//! In a pipe a table has its full width. On a terminal it fits: wide columns lose their middle, then
//! the least important columns go.

use super::paragraph::paragraph;
use super::style;
use anstyle::Style;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

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
        let mut natural: Vec<usize> = self.columns.iter().map(|c| c.title.width()).collect();
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

/// The width of each column within `limit`; `None` for a column that has to go.
fn fit(columns: &[Column], natural: &[usize], limit: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(limit) = limit else { return widths };
    while total(&widths) > limit {
        let narrowest = columns.iter().zip(&widths).map(|(column, width)| {
            width.map(|width| column.cut.least().map_or(width, |least| least.min(width)))
        });
        if total(&narrowest.collect::<Vec<_>>()) <= limit {
            shrink(columns, &mut widths, limit);
            return widths;
        }
        let last = (0..columns.len())
            .filter(|i| widths[*i].is_some() && columns[*i].drop > 0)
            .max_by_key(|i| columns[*i].drop);
        match last {
            Some(i) => widths[i] = None,
            None => {
                shrink(columns, &mut widths, limit);
                return widths;
            }
        }
    }
    widths
}

/// Takes one character at a time from the widest column that may lose one.
fn shrink(columns: &[Column], widths: &mut [Option<usize>], limit: usize) {
    while total(widths) > limit {
        let widest = columns
            .iter()
            .zip(widths.iter_mut())
            .filter_map(|(column, width)| Some((column.cut.least()?, width.as_mut()?)))
            .filter(|(least, width)| **width > *least)
            .max_by_key(|(_, width)| **width);
        match widest {
            Some((_, width)) => *width -= 1,
            None => return,
        }
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten().count();
    widths.iter().flatten().sum::<usize>() + GAP * shown.saturating_sub(1)
}

fn write_row<W: Write>(
    out: &mut W,
    look: Look,
    columns: &[Column],
    widths: &[Option<usize>],
    row: &Row,
) -> io::Result<()> {
    let mut owed = 0; // spaces not written yet, so that no line ends in them
    let mut first = true;
    for ((cell, style), (column, width)) in row.cells().zip(columns.iter().zip(widths)) {
        let Some(width) = *width else { continue };
        if !first {
            owed += GAP;
        }
        first = false;
        let mut used = display_width(cell);
        let shortened = match column.cut {
            Cut::End(_) if used > width && look.width.is_some() => Some(shorten(cell, width, 0)),
            Cut::Middle(_) if used > width && look.width.is_some() => {
                Some(shorten(cell, width, width.saturating_sub(1) / 2))
            }
            Cut::Never | Cut::End(_) | Cut::Middle(_) => None,
        };
        let cell = shortened.as_deref().unwrap_or(cell);
        if shortened.is_some() {
            used = display_width(cell);
        }
        let free = width.saturating_sub(used);
        if column.right {
            owed += free;
        }
        if !cell.is_empty() {
            spaces(out, owed)?;
            owed = 0;
            write_styled(out, look, style, cell)?;
        }
        if !column.right {
            owed += free;
        } else if cell.is_empty() {
            owed += used;
        }
    }
    out.write_all(b"\n")
}

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

fn spaces<W: Write>(out: &mut W, n: usize) -> io::Result<()> {
    const BLANK: &[u8; 64] = &[b' '; 64];
    let mut left = n;
    while left > 0 {
        let now = left.min(BLANK.len());
        out.write_all(&BLANK[..now])?;
        left -= now;
    }
    Ok(())
}

/// A note starts with "  ! " and goes on below its first word.
fn write_note<W: Write>(out: &mut W, look: Look, style: Style, text: &str) -> io::Result<()> {
    paragraph(out, look, style, "  ! ", "    ", text)
}

/// Columns that `text` takes on a terminal.
pub(super) fn display_width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// `text` in `width` columns, `tail` of them for its end.
fn shorten(text: &str, width: usize, tail: usize) -> String {
    if width == 0 {
        return String::new();
    }
    let start = prefix(text.chars(), width - 1 - tail);
    let end = prefix(text.chars().rev(), tail);
    let tail: String = text.chars().rev().take(end).collect();
    text.chars()
        .take(start)
        .chain(std::iter::once('…'))
        .chain(tail.chars().rev())
        .collect()
}

/// How many of the characters fit into `width` columns.
fn prefix(chars: impl Iterator<Item = char>, width: usize) -> usize {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            title: "NAME",
            right: false,
            cut: Cut::Middle(6),
            drop: 0,
        },
        Column {
            title: "N",
            right: true,
            cut: Cut::Never,
            drop: 0,
        },
        Column {
            title: "EXTRA",
            right: false,
            cut: Cut::End(5),
            drop: 1,
        },
    ];

    fn drawn(width: Option<usize>, color: bool, rows: &[[&str; 3]]) -> String {
        let mut table = Table::new(Vec::new(), Look { width, color }, &COLUMNS);
        for cells in rows {
            let mut row = Row::default();
            row.plain(cells[0])
                .cell(style::BAD, cells[1])
                .plain(cells[2]);
            table.row(&row).unwrap();
        }
        String::from_utf8(table.finish().unwrap()).unwrap()
    }

    const ROWS: [[&str; 3]; 2] = [["a-rather-long-name", "7", "beside"], ["b", "1200", ""]];

    #[test]
    fn in_a_pipe_nothing_is_cut() {
        assert_eq!(
            drawn(None, false, &ROWS),
            "NAME                   N  EXTRA\n\
             a-rather-long-name     7  beside\n\
             b                   1200\n"
        );
    }

    #[test]
    fn a_narrow_terminal_first_cuts_the_middle() {
        assert_eq!(
            drawn(Some(28), false, &ROWS),
            "NAME               N  EXTRA\n\
             a-rathe…g-name     7  beside\n\
             b               1200\n"
        );
    }

    #[test]
    fn a_very_narrow_one_loses_columns() {
        let shown = drawn(Some(14), false, &ROWS);
        assert_eq!(shown, "NAME         N\na-ra…ame     7\nb         1200\n");
    }

    #[test]
    fn no_width_makes_it_panic_or_loop() {
        for width in 0..40 {
            let shown = drawn(Some(width), true, &ROWS);
            assert_eq!(shown.lines().count(), 3);
        }
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(
            drawn(None, false, &[["サーバ", "1", "x"]]),
            "NAME    N  EXTRA\nサーバ  1  x\n"
        );
        assert_eq!(shorten("サーバサーバ", 7, 3), "サ…バ");
        assert_eq!(shorten("サーバサーバ", 7, 0), "サーバ…");
    }

    #[test]
    fn colours_stand_around_the_text_alone() {
        let shown = drawn(None, true, &[["a", "1", "x"]]);
        assert!(shown.contains("   \u{1b}[31m1\u{1b}[0m  x"), "{shown:?}");
    }

    #[test]
    fn rows_after_the_first_thousand_are_written_at_once() {
        let mut table = Table::new(
            Vec::new(),
            Look {
                width: None,
                color: false,
            },
            &COLUMNS,
        );
        let mut row = Row::default();
        row.plain("x").plain("1").plain("");
        for _ in 0..LOOK_AHEAD {
            table.row(&row).unwrap();
        }
        let before = table.out.len();
        assert!(before > 0);
        table.row(&row).unwrap();
        assert!(table.out.len() > before);
    }

    #[test]
    fn notes_are_wrapped_below_their_first_word() {
        let mut table = Table::new(
            Vec::new(),
            Look {
                width: Some(28),
                color: false,
            },
            &COLUMNS,
        );
        table
            .note(style::NOTE, "one lost probe is taken for death".into())
            .unwrap();
        let shown = String::from_utf8(table.finish().unwrap()).unwrap();
        assert!(
            shown.ends_with("  ! one lost probe is taken\n    for death\n"),
            "{shown}"
        );
    }
}
