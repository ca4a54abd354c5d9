//! Table cells that both tables have.

use super::judge::{Answer, Basis};
use crate::text::style;
use crate::text::table::{Column, Cut, Look, Row};
use anstyle::Style;
use std::time::Duration;

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

/// Adds the answer for one kind of silence, marked if it misses the deadline.
pub(super) fn answer(
    row: &mut Row,
    look: Look,
    within: Option<Duration>,
    basis: &Basis,
    told: Answer,
) {
    if *basis == Basis::Nobody {
        row.cell(style::FAINT, "-");
        return;
    }
    match within {
        Some(within) if told.misses(within) => {
            let mark = if look.color { "✗" } else { "!" };
            row.cell(style::BAD, format_args!("{mark} {told}"))
        }
        deadline => row.cell(unmarked(told, deadline.is_some()), told),
    };
}

fn unmarked(told: Answer, deadline: bool) -> Style {
    match told {
        Answer::Never => style::BAD,
        Answer::Unknown | Answer::NotBefore(_) => style::FAINT,
        Answer::By(_) if deadline => style::GOOD,
        Answer::By(_) => style::PLAIN,
    }
}
