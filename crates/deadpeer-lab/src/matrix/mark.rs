//! The marks in the table's picture, told apart by their shape: nobody needs to see colours.

use std::fmt::Write as _;

use super::picture::escape;
use super::{Cell, CellVerdict};

/// From one mark to the next, in pixels.
pub(super) const PITCH: usize = 6;

named! {
    /// What one cell of the table comes to, named in the picture's legend.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub(super) enum Mark {
        AtOnce = "noticed in the first tenth of the deadline",
        InTime = "noticed within the deadline",
        Late = "noticed too late",
        Missed = "not noticed",
        Unnoticeable = "not noticed: its end answers",
        Quiet = "rightly quiet",
        FalseAlarm = "live, and called dead",
    }
}

impl Mark {
    pub(super) fn of(cell: &Cell, deadline_s: f64) -> Self {
        let after = cell
            .noticed
            .as_ref()
            .map_or(f64::MAX, |noticed| noticed.after_s);
        match cell.verdict {
            CellVerdict::Noticed if after <= deadline_s / 10.0 => Self::AtOnce,
            CellVerdict::Noticed => Self::InTime,
            CellVerdict::Late => Self::Late,
            CellVerdict::Missed => Self::Missed,
            CellVerdict::Unnoticeable => Self::Unnoticeable,
            CellVerdict::Quiet => Self::Quiet,
            CellVerdict::FalseAlarm => Self::FalseAlarm,
        }
    }

    /// The palette of Okabe and Ito, which most colour-blind people can tell apart.
    pub(super) fn colour(self) -> &'static str {
        match self {
            Self::AtOnce => "#0072b2",
            Self::InTime => "#56b4e9",
            Self::Late => "#e69f00",
            Self::Missed => "#d55e00",
            Self::Unnoticeable | Self::Quiet => "#8c8c8c",
            Self::FalseAlarm => "#000000",
        }
    }

    /// Adds its shape to a path; all of one mark make one path of the picture.
    pub(super) fn append(self, path: &mut String, x: usize, y: usize) {
        let _ = match self {
            // A full block, and half of one.
            Self::AtOnce => write!(path, "M{x} {}h5v12h-5z", y + 1),
            Self::InTime => write!(path, "M{x} {}h5v6h-5z", y + 7),
            Self::Late => write!(path, "M{x} {}h5l-2.5 -9z", y + 13),
            // A cross, drawn in lines.
            Self::Missed => write!(path, "M{x} {}l4 6m0 -6l-4 6", y + 4),
            Self::Unnoticeable => write!(path, "M{x} {}h4v2h-4z", y + 6),
            Self::Quiet => write!(path, "M{} {}h2v2h-2z", x + 1, y + 6),
            // A diamond.
            Self::FalseAlarm => write!(path, "M{} {}l3 6l-3 6l-3 -6z", x + 2, y + 1),
        };
    }

    /// A path of the picture.
    pub(super) fn path(self, svg: &mut String, shape: &str) {
        let colour = self.colour();
        let _ = match self {
            Self::Missed => writeln!(
                svg,
                r#"<path fill="none" stroke="{colour}" stroke-width="1.3" d="{shape}"/>"#
            ),
            Self::AtOnce
            | Self::InTime
            | Self::Late
            | Self::Unnoticeable
            | Self::Quiet
            | Self::FalseAlarm => writeln!(svg, r#"<path fill="{colour}" d="{shape}"/>"#),
        };
    }

    /// The mark alone, with a sentence for who points at it.
    pub(super) fn with_tip(self, svg: &mut String, x: usize, y: usize, tip: &str) {
        let mut shape = String::new();
        self.append(&mut shape, x, y);
        svg.push_str("<g>");
        self.path(svg, &shape);
        // Marks are small: the whole place can be pointed at.
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{y}" width="{PITCH}" height="15" fill-opacity="0"><title>{}</title></rect></g>"#,
            escape(tip)
        );
    }
}
