//! What is lent to questions, on record while they are put.

use std::path::Path;

use deadpeer_core::SocketOptions;
use deadpeer_sys::sockopt;

use super::file::{UndoFile, WriteUndoError};
use super::record::{Group, Record};
use crate::table::Target;
use crate::table::fd_borrower::FdBorrower;

/// The options of other programs' sockets that [`Questions`](crate::Questions) borrow, on record as
/// long as this lives.
///
/// Asking gives them back by itself. Only a process that is killed in the milliseconds of a
/// question can't: then the file is left, and [`restore`](super::restore) does it.
#[derive(Debug)]
pub struct LoanRecord(Option<UndoFile>);

impl LoanRecord {
    /// Reads what the targets have now and writes it to a file in this directory, which is taken
    /// away when this is dropped. Targets that can't be reached can't be asked either; where there
    /// are no others, nothing is written.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn on_record(
        directory: &Path,
        record: Record,
        targets: &[Target],
    ) -> Result<Self, WriteUndoError> {
        let groups = groups(targets);
        if groups.is_empty() {
            return Ok(Self(None));
        }
        let mut file = UndoFile::in_directory(directory, record)?;
        file.add(groups)?;
        Ok(Self(Some(file)))
    }
}

impl Drop for LoanRecord {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            // Left behind, it says what is so: everything is as it was.
            let _ = file.remove();
        }
    }
}

fn groups(targets: &[Target]) -> Vec<Group> {
    let lent = deadpeer::lent_to_ping();
    let mut borrower = FdBorrower::default();
    let mut groups: Vec<Group> = Vec::new();
    for target in targets {
        let Some(before) = before(target, &lent, &mut borrower) else {
            continue;
        };
        let process = target.owners.first();
        let process = process.map(|owner| String::from_utf8_lossy(&owner.process).into_owned());
        let like = |group: &&mut Group| group.process == process && group.before == before;
        match groups.iter_mut().find(like) {
            Some(group) => group.cookies.push(target.id.cookie),
            None => groups.push(Group {
                process,
                listeners: false,
                before,
                after: lent,
                followed_sysctl: None,
                cookies: vec![target.id.cookie],
            }),
        }
    }
    groups
}

fn before(
    target: &Target,
    lent: &SocketOptions,
    borrower: &mut FdBorrower,
) -> Option<SocketOptions> {
    let socket = borrower
        .borrow_from(target.numbers(), target.id.cookie)
        .ok()?;
    let now = sockopt::effective(&socket).ok()?;
    Some(now.of_those(lent))
}
