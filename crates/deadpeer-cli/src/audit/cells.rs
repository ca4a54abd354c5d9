//! Table cells that both tables have.

use std::time::Duration;

use anstyle::Style;
use deadpeer_host::audit::{Basis, Bound};

use super::words::BoundWords;
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Cut, Row};

/// A column that is never cut and never dropped.
pub(crate) const fn column(title: &'static str, right: bool) -> Column {
    Column {
        title,
        right,
        cut: Cut::Never,
        drop: 0,
    }
}

/// A column of text that may be cut, and goes in the order of `drop`.
pub(crate) const fn text(title: &'static str, cut: Cut, drop: u8) -> Column {
    Column {
        title,
        right: false,
        cut,
        drop,
    }
}

/// Where something runs: shown where that is anywhere in particular.
pub(crate) const PLACE: Column = text("RUNS IN", Cut::Middle(12), 2);

/// The columns of a table, [`PLACE`] only if there is a place to name.
pub(crate) fn with_places(columns: &[Column], places: bool) -> Vec<Column> {
    let shown = columns
        .iter()
        .filter(|column| places || column.title != PLACE.title);
    shown.copied().collect()
}

/// Adds the answer for one kind of silence, marked if it misses the deadline.
pub(super) fn answer(
    row: &mut Row,
    look: Look,
    within: Option<Duration>,
    basis: &Basis,
    told: Bound,
) {
    if *basis == Basis::Nobody {
        row.cell(style::FAINT, "-");
        return;
    }
    match within {
        Some(within) if told.misses(within) => {
            let mark = if look.color { "✗" } else { "!" };
            row.cell(style::BAD, format_args!("{mark} {}", BoundWords(told)))
        }
        deadline => row.cell(unmarked(told, deadline.is_some()), BoundWords(told)),
    };
}

fn unmarked(told: Bound, deadline: bool) -> Style {
    match told {
        Bound::Never => style::BAD,
        Bound::By(_) if deadline => style::GOOD,
        Bound::By(_) => style::PLAIN,
        Bound::Unknown | Bound::NotBefore(_) | _ => style::FAINT,
    }
}
