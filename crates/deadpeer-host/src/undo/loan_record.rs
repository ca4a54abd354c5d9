//! What is lent to questions, on record while they are put.

use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use deadpeer::Apply as _;
use deadpeer_core::SocketOptions;
use deadpeer_sys::sockopt;
use rustc_hash::{FxHashMap, FxHashSet};

use super::file::{UndoFile, WriteUndoError};
use super::record::{Group, Record};
use super::way_back::WayBack;
use crate::table::Unreadable;
use crate::table::fd_borrower::FdBorrower;
use crate::target::Target;

/// The options of other programs' sockets that [`Questions`](crate::Questions) borrow, on record as
/// long as this lives.
///
/// Asking gives them back by itself. Only a process that is killed in the milliseconds of a
/// question can't: then the file is left, and [`restore`](super::restore()) does it.
#[derive(Debug)]
pub struct LoanRecord {
    directory: PathBuf,
    record: Record,
    lenders: Vec<Lender>,
    /// `None`: nobody can be asked, so nothing is lent.
    file: Option<UndoFile>,
    /// When the directory was changed last, after the file was written.
    written: Option<SystemTime>,
    /// Sockets that have not got back what was lent.
    owed: FxHashSet<u64>,
}

/// A socket that may be asked.
#[derive(Debug)]
struct Lender {
    cookie: u64,
    process: Option<String>,
    holders: Box<[(u32, RawFd)]>,
}

impl LoanRecord {
    /// Reads what the targets have now and writes it to a file in this directory. Targets that
    /// can't be reached can't be asked either; where there are no others, nothing is written.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn on_record<'t>(
        directory: &Path,
        record: Record,
        targets: impl IntoIterator<Item = &'t Target>,
    ) -> Result<Self, WriteUndoError> {
        let mut lent = Self {
            directory: directory.to_owned(),
            record,
            lenders: targets.into_iter().map(Lender::of).collect(),
            file: None,
            written: None,
            owed: FxHashSet::default(),
        };
        lent.refresh()?;
        Ok(lent)
    }

    /// Looks again before more is asked: what the targets have by now is what goes back, and before
    /// what others have recorded meanwhile.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn refresh(&mut self) -> Result<(), WriteUndoError> {
        let groups = self.groups();
        let alone = self.written == self.changed();
        match &mut self.file {
            Some(file) if file.record().groups == groups && alone => return Ok(()),
            Some(file) => file.replace(groups)?,
            None if groups.is_empty() => return Ok(()),
            None => {
                let mut file = UndoFile::in_directory(&self.directory, self.record.clone())?;
                file.add(groups)?;
                self.file = Some(file);
            }
        }
        self.written = self.changed();
        Ok(())
    }

    /// Whoever records a change puts a file, or a note of it, into the directory.
    fn changed(&self) -> Option<SystemTime> {
        self.directory.metadata().ok()?.modified().ok()
    }

    /// Makes sure that everything was given back, once all questions have been put: from now on
    /// others may change the sockets.
    pub fn settle(&mut self) {
        let Some(file) = &self.file else { return };
        let known = known(file);
        let mut borrower = FdBorrower::default();
        let owed = self.lenders.iter().filter(|lender| {
            let Some(group) = known.get(&lender.cookie) else {
                return false;
            };
            match lender.borrow(&mut borrower) {
                Ok(socket) => !give_back(&socket, group),
                Err(Unreadable::Gone) => false,
                Err(_) => true,
            }
        });
        self.owed = owed.map(|lender| lender.cookie).collect();
    }

    /// Takes the file away, if everything was given back. Otherwise it stays, and this says where.
    #[must_use]
    pub fn end(mut self) -> Option<PathBuf> {
        self.settle();
        let file = self.file.take()?;
        match self.owed.is_empty() {
            // Left behind, it says what is so: everything is as it was.
            true => {
                let _ = file.remove();
                None
            }
            false => Some(file.path().to_owned()),
        }
    }

    fn groups(&self) -> Vec<Group> {
        let mut owed = self.file.as_ref().map(known).unwrap_or_default();
        owed.retain(|cookie, _| self.owed.contains(cookie));
        let mut borrower = FdBorrower::default();
        let mut groups: Vec<Group> = Vec::new();
        for lender in &self.lenders {
            let Some(before) = lender.before(&owed, &mut borrower) else {
                continue;
            };
            let like =
                |group: &&mut Group| group.process == lender.process && group.before == before;
            match groups.iter_mut().find(like) {
                Some(group) => group.cookies.push(lender.cookie),
                None => groups.push(Group {
                    process: lender.process.clone(),
                    listeners: false,
                    lent: true,
                    before,
                    after: deadpeer::lent_to_ping(),
                    followed_sysctl: None,
                    cookies: vec![lender.cookie],
                }),
            }
        }
        groups
    }
}

impl Lender {
    fn of(target: &Target) -> Self {
        let name =
            |owner: &crate::TargetOwner| String::from_utf8_lossy(&owner.process).into_owned();
        Self {
            cookie: target.id.cookie,
            process: target.owners.first().map(name),
            holders: target.numbers().collect(),
        }
    }

    fn borrow(&self, borrower: &mut FdBorrower) -> Result<OwnedFd, Unreadable> {
        borrower.borrow_from(self.holders.iter().copied(), self.cookie)
    }

    /// What it has now, of what may be lent; what it had, if that is owed.
    fn before(
        &self,
        owed: &FxHashMap<u64, Group>,
        borrower: &mut FdBorrower,
    ) -> Option<SocketOptions> {
        let now = sockopt::effective(self.borrow(borrower).ok()?).ok()?;
        Some(match owed.get(&self.cookie) {
            Some(group) => group.before,
            None => now.of_those(&deadpeer::lent_to_ping()),
        })
    }
}

/// What each socket of a file had.
fn known(file: &UndoFile) -> FxHashMap<u64, Group> {
    let groups = file.record().groups.iter();
    let each = groups.flat_map(|group| {
        let alone = Group {
            cookies: Vec::new(),
            ..group.clone()
        };
        group
            .cookies
            .iter()
            .map(move |cookie| (*cookie, alone.clone()))
    });
    each.collect()
}

/// Gives back what is lent still. Whether nothing is owed then.
fn give_back(socket: &OwnedFd, group: &Group) -> bool {
    let Ok(now) = sockopt::effective(socket) else {
        return false;
    };
    let back = WayBack::of(&now, &[group]).options;
    back == SocketOptions::default() || back.apply(socket).is_ok()
}
