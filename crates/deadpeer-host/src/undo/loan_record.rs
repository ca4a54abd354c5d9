//! What is lent to questions, on record while they are put.

use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use deadpeer::Apply as _;
use deadpeer_core::{Effective, SocketOptions};
use deadpeer_sys::sockopt;
use rustc_hash::{FxHashMap, FxHashSet};

use super::file::{UndoFile, WriteUndoError};
use super::record::{Group, Record};
use super::way_back::WayBack;
use crate::parts::Parts;
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
    /// What reaches those that are parts of Multipath TCP connections; `None`: there are none, or
    /// they can't be asked.
    parts: Option<Parts>,
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
    multipath: bool,
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
        let targets: Vec<&Target> = targets.into_iter().collect();
        let part = targets.iter().find(|target| target.multipath);
        let mut lent = Self {
            directory: directory.to_owned(),
            record,
            lenders: targets.iter().copied().map(Lender::of).collect(),
            parts: part.and_then(|part| Parts::open(part.namespace())),
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
            let Some(group) = known.get(&lender.cookie).filter(|_| !lender.multipath) else {
                return false;
            };
            match lender.borrow(&mut borrower) {
                Ok(socket) => !give_back(&socket, group),
                Err(Unreadable::Gone) => false,
                Err(_) => true,
            }
        });
        self.owed = owed.map(|lender| lender.cookie).collect();
        if let Some(parts) = &self.parts {
            let lent = |cookie: &u64| known.contains_key(cookie);
            let lent = multipath(&self.lenders).filter(lent).collect();
            let owed = parts.put_back(lent, |cookie, now| {
                let group = known.get(&cookie);
                group.map_or_else(SocketOptions::default, |it| WayBack::of(now, &[it]).options)
            });
            self.owed.extend(owed);
        }
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
        let parts = self.parts_now();
        let mut borrower = FdBorrower::default();
        let mut groups: Vec<Group> = Vec::new();
        for lender in &self.lenders {
            let now = match lender.multipath {
                true => parts.get(&lender.cookie).copied(),
                false => lender.now(&mut borrower),
            };
            let Some(now) = now else { continue };
            let mut lent = Group::lent(lender.process.clone(), &now, vec![lender.cookie]);
            if let Some(owed) = owed.get(&lender.cookie) {
                lent.before = owed.before;
            }
            let like = |group: &&mut Group| {
                (&group.process, &group.before) == (&lent.process, &lent.before)
            };
            match groups.iter_mut().find(like) {
                Some(group) => group.cookies.push(lender.cookie),
                None => groups.push(lent),
            }
        }
        groups
    }

    /// What the parts of Multipath TCP connections have.
    fn parts_now(&self) -> FxHashMap<u64, Effective> {
        let Some(parts) = &self.parts else {
            return FxHashMap::default();
        };
        let own = parts.read(multipath(&self.lenders)).unwrap_or_default();
        let now = |(cookie, own)| (cookie, parts.effective(&own));
        own.into_iter().map(now).collect()
    }
}

impl Lender {
    fn of(target: &Target) -> Self {
        let name =
            |owner: &crate::TargetOwner| String::from_utf8_lossy(&owner.process).into_owned();
        Self {
            cookie: target.id.cookie,
            multipath: target.multipath,
            process: target.owners.first().map(name),
            holders: target.numbers().collect(),
        }
    }

    fn borrow(&self, borrower: &mut FdBorrower) -> Result<OwnedFd, Unreadable> {
        borrower.borrow_from(self.holders.iter().copied(), self.cookie)
    }

    /// What it has.
    fn now(&self, borrower: &mut FdBorrower) -> Option<Effective> {
        sockopt::effective(self.borrow(borrower).ok()?).ok()
    }
}

/// Those that are parts of Multipath TCP connections.
fn multipath(lenders: &[Lender]) -> impl Iterator<Item = u64> {
    let parts = lenders.iter().filter(|lender| lender.multipath);
    parts.map(|lender| lender.cookie)
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
    back == SocketOptions::default() || back.apply_from_outside(socket).is_ok()
}
