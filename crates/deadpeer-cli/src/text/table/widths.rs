//! How wide each column is, and which ones go to a second line.

use super::column::{Column, GAP};
use crate::text::look::display_width;

/// Where the columns of a table stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The width of each column; `None`: it is folded or left out.
    pub(super) widths: Vec<Option<usize>>,
    /// The columns that stand in the second line.
    pub(super) folded: Vec<usize>,
    /// Whether there is an end of the line: else later cells may be wider than the first ones.
    limited: bool,
}

impl Layout {
    /// Whether a cell stands in the second line.
    pub(super) fn is_below(&self, column: usize, cell: &str) -> bool {
        let is_wider = |width| self.limited && display_width(cell) > width;
        self.folded.contains(&column) || self.widths[column].is_some_and(is_wider)
    }
}

/// Fits the columns into `limit`; those with a natural width of `None` are left out.
pub(super) fn fit(columns: &[Column], natural: Vec<Option<usize>>, limit: Option<usize>) -> Layout {
    let mut layout = Layout {
        widths: natural,
        folded: Vec::new(),
        limited: limit.is_some(),
    };
    let Some(limit) = limit else { return layout };
    if total(&layout.widths) > limit {
        for (column, width) in columns.iter().zip(&mut layout.widths) {
            *width = width.map(|width| column.usual.map_or(width, |usual| usual.min(width)));
        }
    }
    let mut folded = Vec::new();
    while total(&layout.widths) > limit {
        let first = (0..columns.len())
            .filter(|i| layout.widths[*i].is_some() && columns[*i].fold > 0)
            .max_by_key(|i| columns[*i].fold);
        let Some(first) = first else { break };
        folded.push((first, layout.widths[first].take()));
    }
    // What a wide column has left room for comes back, the most important first.
    for (column, width) in folded.into_iter().rev() {
        layout.widths[column] = width;
        if total(&layout.widths) > limit {
            layout.widths[column] = None;
            layout.folded.push(column);
        }
    }
    layout
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten().count();
    widths.iter().flatten().sum::<usize>() + GAP * shown.saturating_sub(1)
}
