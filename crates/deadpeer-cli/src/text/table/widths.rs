//! How wide each column is, and which ones there is no room for.

use super::column::{Column, GAP};

/// The width of each column within `limit`; `None` for a column that has to go.
pub(super) fn fit(
    columns: &[Column],
    natural: &[usize],
    limit: Option<usize>,
) -> Vec<Option<usize>> {
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
