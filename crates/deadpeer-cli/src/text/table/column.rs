//! The columns of a table.

/// Spaces between columns.
pub(super) const GAP: usize = 2;

/// One column. Nothing in it is ever cut: half a number is a wrong number, and half an address is
/// nobody's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// Numbers stand right.
    pub(super) right: bool,
    /// On a narrow terminal columns with the highest number go to a second line first; those with
    /// 0 stay.
    pub(super) fold: u8,
    /// Where room is short, the most that it takes; what is longer goes to the second line of its
    /// own row.
    pub(super) usual: Option<usize>,
}

/// `255.255.255.255:65535`: most addresses are no longer.
const ADDRESS: usize = 21;
/// The kernel's own names of programs are no longer (TASK_COMM_LEN).
const PROGRAM: usize = 15;

impl Column {
    /// A column of words, which stays in the first line.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self {
            title,
            right: false,
            fold: 0,
            usual: None,
        }
    }

    /// A column of addresses, of which a few may be long.
    pub(crate) const fn address(title: &'static str) -> Self {
        Self {
            usual: Some(ADDRESS),
            ..Self::text(title)
        }
    }

    /// A column of programs, of which a few may have long names.
    pub(crate) const fn program(title: &'static str) -> Self {
        Self {
            usual: Some(PROGRAM),
            ..Self::text(title)
        }
    }

    /// A column of numbers, which stays in the first line.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self {
            right: true,
            ..Self::text(title)
        }
    }

    /// The same, which goes to the second line on a narrow terminal: before those with smaller
    /// numbers.
    pub(crate) const fn fold(self, fold: u8) -> Self {
        Self { fold, ..self }
    }
}
