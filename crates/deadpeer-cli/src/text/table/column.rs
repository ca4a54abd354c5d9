//! The columns of a table.

/// Spaces between columns.
pub(super) const GAP: usize = 2;

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
    pub(super) fn least(self) -> Option<usize> {
        match self {
            Self::Never => None,
            Self::End(least) | Self::Middle(least) => Some(least),
        }
    }
}
