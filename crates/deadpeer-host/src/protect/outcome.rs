//! What came of changing sockets, and why it had to stop.

use std::collections::BTreeMap;

use super::survey::Survey;
use crate::table::{BpfError, ReadTableError, Unreadable};
use crate::undo::WriteUndoError;

/// What came of changing sockets.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Sockets that were changed, and hold what was set: read back.
    pub changed: u64,
    /// Listeners among them.
    pub listeners: u64,
    /// Sockets that were closed before their turn came.
    pub gone: u64,
    /// Sockets that were not changed, by reason.
    pub failed: BTreeMap<Failure, u64>,
    /// Everything looked at once more afterwards.
    pub left: Survey,
}

/// Why a socket is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// It could not be reached.
    Unreachable(Unreadable),
    /// Its application changed its options after it was surveyed.
    Overtaken,
    /// It lacks an option that it was to get; those already set were put back.
    Lacking(&'static str),
    /// The kernel refused an option; those already set were put back.
    Refused,
}

/// Changing sockets had to stop. What was changed before is in the undo file.
#[derive(Debug, thiserror::Error)]
pub enum CarryOutError {
    /// What was before could not be recorded; nothing more was changed then.
    #[error(transparent)]
    Record(#[from] WriteUndoError),
    /// The table could not be read again.
    #[error(transparent)]
    Read(#[from] ReadTableError),
    /// The kernel did not carry it out by eBPF.
    #[error(transparent)]
    BpfDetails(#[from] BpfError),
    /// The caller broke it off between two batches.
    #[error("interrupted after {done} of {of} sockets")]
    Interrupted {
        /// So many had had their turn.
        done: usize,
        /// Of so many.
        of: usize,
    },
}

impl Outcome {
    pub(super) fn count(&mut self, listener: bool, done: Result<(), Failure>) {
        match done {
            Ok(()) => {
                self.changed += 1;
                self.listeners += u64::from(listener);
            }
            Err(Failure::Unreachable(Unreadable::Gone)) => self.gone += 1,
            Err(failure) => *self.failed.entry(failure).or_default() += 1,
        }
    }
}
