//! Changing what was surveyed, socket by socket, and looking again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use deadpeer::{Apply as _, Lack};
use deadpeer_core::SocketOptions;
use deadpeer_sys::sockopt;
use rustc_hash::FxHashSet;

use super::aim::{Aim, Change, Step};
use super::batches::{Batches, Progress};
use super::by_bpf;
use super::survey::{Fate, Job, Survey};
use crate::filter::Filter;
use crate::table::Unreadable;
use crate::table::bpf::BpfError;
use crate::table::fd_borrower::FdBorrower;
use crate::table::{ReadTableError, Table};
use crate::undo::{UndoFile, WriteUndoError};

/// What came of changing sockets.
#[derive(Debug, Default)]
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
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

/// So often connections are looked for that appeared while others were changed.
const PASSES: usize = 4;

/// Changes what the survey found, listeners first, and then what was accepted meanwhile with the old settings.
///
/// Before anything is changed, what was before is in the undo file. Each socket is identified by its cookie and must
/// still have the settings that were surveyed. Killed at any moment, this leaves whole connections, of which some have the new
/// settings, and an undo file that knows all of them.
///
/// A [burst](super::LoopbackBurst) of connections within this machine is changed a batch at a time, as `backlog` (see [`backlog`](super::backlog())) asks for.
/// `waiting` is shown how far it has come, several times a second between two batches, and may break it off there.
///
/// # Errors
/// See [`CarryOutError`].
pub fn carry_out(
    mut survey: Survey,
    table: &mut Table,
    filter: &Filter,
    aim: &Aim,
    undo: &mut UndoFile,
    backlog: usize,
    mut waiting: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Outcome, CarryOutError> {
    let mut outcome = Outcome::default();
    let mut tried = FxHashSet::default();
    for _ in 0..PASSES {
        if survey.jobs.is_empty() {
            break;
        }
        undo.add(survey.groups())?;
        let mut batches = Batches::of(&survey, backlog, table.kernel().hz);
        while let Some(jobs) = batches.next(&mut waiting)? {
            match table.view() {
                Some(view) => tried.extend(by_bpf::carry_out(view, &survey, jobs, &mut outcome)?),
                None => {
                    through_descriptors(&survey, jobs, &mut outcome);
                    tried.extend(jobs.iter().map(|job| job.cookie));
                }
            }
        }
        survey = Survey::take(table, filter, aim)?;
        survey.without(&tried);
    }
    outcome.left = survey;
    Ok(outcome)
}

fn through_descriptors(survey: &Survey, jobs: &[&Job], outcome: &mut Outcome) {
    let mut borrower = FdBorrower::default();
    for job in jobs {
        let Some((part, change)) = survey.change(job) else {
            continue;
        };
        let done = carry_out_one(&mut borrower, job, part.before.as_ref(), &change);
        outcome.count(part.listeners, done);
    }
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

fn carry_out_one(
    borrower: &mut FdBorrower,
    job: &Job,
    before: Option<&deadpeer_core::Effective>,
    change: &Change,
) -> Result<(), Failure> {
    if job.owners.is_empty() {
        return Err(Failure::Unreachable(Unreadable::NoDescriptor));
    }
    let socket = borrower
        .borrow_from(job.owners.iter().copied(), job.cookie)
        .map_err(Failure::Unreachable)?;
    let now = sockopt::effective(&socket)
        .map_err(|error| Failure::Unreachable(Unreadable::from_errno(error)))?;
    if before != Some(&now) {
        return Err(Failure::Overtaken);
    }
    let applied = change
        .options
        .apply(&socket)
        .map_err(|_| Failure::Refused)?;
    if let Some(lacking) = applied.unsupported.first() {
        put_back(&socket, &now, &change.options);
        return Err(match lacking.lack {
            Lack::Multipath => Failure::Unreachable(Unreadable::Multipath),
            Lack::Kernel | _ => Failure::Lacking(lacking.setting.option()),
        });
    }
    Ok(())
}

/// Nothing half done: an option that is missing takes the others with it.
fn put_back(socket: impl AsFd, before: &deadpeer_core::Effective, set: &SocketOptions) {
    // The kernel took other values of these options a moment ago.
    let _ = crate::undo::values_of(before, set).apply(socket);
}

impl Survey {
    /// The part of a job, and its change.
    pub(super) fn change(&self, job: &Job) -> Option<(&super::Part, Change)> {
        let part = self.parts.get(job.part)?;
        match part.fate {
            Fate::Judged(Step::Change(change)) => Some((part, change)),
            Fate::Judged(_) | Fate::Unseen(_) => None,
        }
    }
}
