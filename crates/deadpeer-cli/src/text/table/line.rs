//! One line of a table: its cells, shortened and filled up.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar as _;

use super::column::{Column, Cut, GAP};
use super::row::Row;
use crate::text::look::{Look, display_width, write_styled};

/// Writes the cells of a row, each in the width of its column, and no spaces at the end.
pub(super) fn write_row<W: Write>(
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

/// `text` in `width` columns, `tail` of them for its end.
pub(super) fn shorten(text: &str, width: usize, tail: usize) -> String {
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
