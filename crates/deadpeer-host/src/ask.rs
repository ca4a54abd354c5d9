//! Asking the peers of other processes' connections whether they are still there.

mod questions;

use deadpeer::{Answer, PingError};

pub use questions::Questions;

use crate::table::Unreadable;

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The question was put, or need not be.
    Answer(Answer),
    /// The connection can't be reached: not permitted, or no process holds it.
    Unreachable(Unreadable),
    /// The kernel refused.
    Failed(PingError),
}
