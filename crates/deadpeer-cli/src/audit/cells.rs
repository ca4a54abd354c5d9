//! Table cells that both tables have.

use std::time::Duration;

use anstyle::Style;
use deadpeer_host::audit::{Basis, Bound};

use super::words::BoundWords;
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Row};

/// Where something runs; empty where nothing runs anywhere in particular.
pub(crate) const PLACE: Column = Column::text("RUNS IN").fold(3);

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
        Bound::Unknown | Bound::NotBefore(_) | Bound::ByProgram | Bound::RuledOut => style::FAINT,
    }
}
