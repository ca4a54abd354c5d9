//! One row of a table: its cells in their columns, and below them those for which there is no room.

use std::io::{self, Write};

use super::column::{Column, GAP};
use super::row::Row;
use super::widths::Layout;
use crate::text::look::{Look, display_width, write_styled};
use crate::text::paragraph::paragraph;
use crate::text::style;

/// Stands for a cell that is in the second line.
const BELOW: &str = "↓";

/// Writes the titles of the columns that are not folded.
pub(super) fn write_titles<W: Write>(
    out: &mut W,
    look: Look,
    columns: &[Column],
    layout: &Layout,
) -> io::Result<()> {
    let mut titles = Row::default();
    for column in columns {
        titles.cell(style::TITLE, column.title);
    }
    write_cells(out, look, columns, layout, &titles)
}

/// Writes a row and, in a second line, the cells for which there is no room, each with its title.
pub(super) fn write_row<W: Write>(
    out: &mut W,
    look: Look,
    columns: &[Column],
    layout: &Layout,
    row: &Row,
) -> io::Result<()> {
    write_cells(out, look, columns, layout, row)?;
    let below: Vec<String> = row
        .cells()
        .zip(columns)
        .enumerate()
        .filter(|(i, ((cell, _), _))| !cell.is_empty() && layout.is_below(*i, cell))
        .map(|(_, ((cell, _), column))| format!("{}: {cell}", column.title.to_lowercase()))
        .collect();
    match below.as_slice() {
        [] => Ok(()),
        below => paragraph(out, look, style::PLAIN, "    ", "    ", &below.join(" · ")),
    }
}

/// Writes the cells of a row, each in the width of its column, and no spaces at the end.
fn write_cells<W: Write>(
    out: &mut W,
    look: Look,
    columns: &[Column],
    layout: &Layout,
    row: &Row,
) -> io::Result<()> {
    let mut owed = 0; // spaces not written yet, so that no line ends in them
    let mut first = true;
    for (i, ((cell, style), column)) in row.cells().zip(columns).enumerate() {
        let Some(width) = layout.widths[i] else {
            continue;
        };
        if !first {
            owed += GAP;
        }
        first = false;
        let cell = match layout.is_below(i, cell) {
            true => BELOW,
            false => cell,
        };
        let used = display_width(cell);
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
