//! Putting back what was before.

mod sockets;

use std::path::PathBuf;

use deadpeer_core::Effective;
use rustc_hash::FxHashSet;

use super::file::{UndoFile, WriteUndoError};
use super::inheritance::{Handed, Inheritance};
use super::journal::Journal;
use super::record::Record;
use super::sysctl::{self, SysctlChange, SysctlFate};
use crate::table::{BpfError, ReadTableError, Table, Unreadable};
use sockets::put_back_sockets;

/// What came of undoing a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Sockets that have their old values again.
    pub restored: u64,
    /// The same, by what they have and get.
    pub returning: Vec<Returning>,
    /// Sockets that had them still or already: killed before their turn came, or undone before.
    pub unchanged: u64,
    /// Sockets that are gone: there is nothing to restore.
    pub gone: u64,
    /// Sockets of which the application has set an option itself since; that option is its own and
    /// stays.
    pub overtaken: u64,
    /// Sockets that could not be reached, by reason.
    pub unreachable: Vec<(Unreadable, u64)>,
    /// Sockets that the kernel refused old values for.
    pub refused: u64,
    /// Sockets on which `TCP_KEEPIDLE`, `TCP_KEEPINTVL` or `TCP_KEEPCNT` now have the value they
    /// had, as their own: whether they had it from a sysctl before does not show, and the kernel
    /// cannot be told to follow it again (tcp(7)).
    pub own_now: u64,
    /// Sockets that were changed once more later: they keep what that counts on, and their way back
    /// is now in the later undo file.
    pub later: u64,
    /// The later undo files that were given something.
    pub handed_to: Vec<PathBuf>,
    /// Undo files that can't be read: what was set since may be theirs.
    pub unreadable_files: u64,
    /// What came of the sysctls.
    pub sysctls: Vec<(SysctlChange, SysctlFate)>,
}

/// Sockets that had the same settings and get the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returning {
    /// The name of their processes, where that was known.
    pub process: Option<String>,
    /// Whether they are listeners.
    pub listeners: bool,
    /// What is in force.
    pub now: Effective,
    /// What is in force afterwards.
    pub then: Effective,
    /// How many.
    pub count: u64,
}

/// Undoing had to stop. What was put back stays so, and the undo file still knows all.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The table could not be read.
    #[error(transparent)]
    Read(#[from] ReadTableError),
    /// A later undo file could not be given the way back of the sockets that it has, too.
    #[error(transparent)]
    Record(#[from] WriteUndoError),
    /// The kernel did not carry it out by eBPF.
    #[error(transparent)]
    Bpf(#[from] BpfError),
}

/// Whether something is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undoing {
    /// Yes.
    InEarnest,
    /// No: only counted.
    Rehearsed,
}

impl Restored {
    /// Whether nothing is left to be undone.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let failed = |fate: &SysctlFate| matches!(fate, SysctlFate::Failed(_));
        self.unreachable.is_empty()
            && self.refused == 0
            && (self.overtaken == 0 || self.unreadable_files == 0)
            && !self.sysctls.iter().any(|(_, fate)| failed(fate))
    }
}

/// Puts back the values of an undo file on every socket of this namespace that it knows and that is
/// still there.
///
/// What a later file of the journal changed once more is left as it is, and its way back handed
/// over to that file: any order of undoing ends at the first settings. An option that holds neither
/// what was set nor what was before is left alone: its application has set it since. So is a
/// sysctl.
///
/// Whoever changes sockets of the namespace must be kept out meanwhile
/// ([`Namespace::lock`](crate::Namespace::lock)).
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(
    file: &mut UndoFile,
    journal: &mut Journal,
    table: &mut Table,
    undoing: Undoing,
) -> Result<Restored, RestoreError> {
    let later = journal.later_than(file);
    let Inheritance {
        handed,
        later: handed_over,
        loans,
        ..
    } = inheritance(file, journal, &later);
    let mut restored = Restored {
        unreadable_files: journal.unreadable.len() as u64,
        ..Restored::default()
    };
    if undoing == Undoing::InEarnest {
        restored.handed_to = hand_over(file, handed, &handed_over, journal, &later)?;
    }
    let now = inheritance(file, journal, &later);
    let inheritance = Inheritance {
        later: handed_over,
        ..now
    };
    let sysctls = inheritance.sysctls.clone();
    put_back_sockets(inheritance, table, undoing, &mut restored)?;
    if undoing == Undoing::InEarnest {
        restored.sysctls = sysctl::restore(&sysctls, table);
    }
    if undoing == Undoing::InEarnest && restored.is_complete() {
        for (place, sockets) in loans {
            let lender = later.get(place);
            if let Some(lender) = lender.and_then(|place| journal.files.get_mut(*place)) {
                lender.leave(&sockets, &[])?;
            }
        }
    }
    Ok(restored)
}

fn inheritance<'r>(file: &'r UndoFile, journal: &'r Journal, later: &[usize]) -> Inheritance<'r> {
    let later = later.iter().filter_map(|place| journal.files.get(*place));
    let later: Vec<&Record> = later.map(UndoFile::record).collect();
    Inheritance::of(file.record(), &later)
}

/// Before anything is changed. Killed in the middle, two files know of the same sockets, and each
/// leads them back.
fn hand_over(
    file: &mut UndoFile,
    handed: Vec<Handed>,
    sockets: &FxHashSet<u64>,
    journal: &mut Journal,
    later: &[usize],
) -> Result<Vec<PathBuf>, WriteUndoError> {
    let mut given = Vec::new();
    let mut sysctls = Vec::new();
    for handed in handed {
        let heir = later.get(handed.to);
        if let Some(heir) = heir.and_then(|place| journal.files.get_mut(*place)) {
            sysctls.extend(&handed.sysctls);
            heir.inherit(handed)?;
            given.push(heir.path().to_owned());
        }
    }
    if !given.is_empty() {
        file.leave(sockets, &sysctls)?;
    }
    Ok(given)
}
