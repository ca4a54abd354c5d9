//! An undo file: written whole or not at all, read with distrust, taken away when nothing is left.

mod error;
mod place;
#[cfg(test)]
mod tests;

pub use error::{ReadUndoError, WriteUndoError};
pub use place::default_directory;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::detours;
use super::inheritance::Handed;
use super::journal;
use super::record::{Group, Record};
use super::sysctl::SysctlChange;
use crate::distrust;
use error::failed;
use place::{make, name, write_whole};

/// So large a file is none of ours: 64 MiB hold some four million sockets.
pub(super) const LARGEST: u64 = 64 << 20;

/// How undo files end.
pub(super) const ENDING: &str = ".undo.json";

/// An undo file that grows while connections are changed.
#[derive(Debug)]
pub struct UndoFile {
    path: PathBuf,
    record: Record,
    /// Whether it is on the disk.
    written: bool,
    /// Where it is to be noted that it is elsewhere.
    noted_in: Option<PathBuf>,
    /// The note.
    note: Option<PathBuf>,
}

impl UndoFile {
    /// Will write to this path once there is something to undo, and replaces nothing that is there
    /// now.
    ///
    /// # Errors
    /// There is something with this name already.
    pub fn at(path: PathBuf, record: Record) -> Result<Self, WriteUndoError> {
        if path.symlink_metadata().is_ok() {
            return Err(WriteUndoError::Taken { path });
        }
        Ok(Self {
            path,
            record,
            written: false,
            noted_in: None,
            note: None,
        })
    }

    /// Has it noted in this directory where the file is, so that it is found there among the
    /// others.
    #[must_use]
    pub fn noted_in(self, directory: &Path) -> Self {
        Self {
            noted_in: Some(directory.to_owned()),
            ..self
        }
    }

    pub(super) fn note(&self) -> Option<PathBuf> {
        self.note.clone()
    }

    pub(super) fn noted_at(self, note: &Path) -> Self {
        Self {
            note: Some(note.to_owned()),
            ..self
        }
    }

    /// The same with a name of its own in a directory, which is made if it isn't there.
    ///
    /// # Errors
    /// The directory can't be made.
    pub fn in_directory(directory: &Path, record: Record) -> Result<Self, WriteUndoError> {
        make(directory).map_err(failed(directory))?;
        let name = name(&record);
        let names = std::iter::once(name.clone()).chain((2_u32..).map(|n| format!("{name}-{n}")));
        let mut paths = names.map(|name| directory.join(name + ENDING));
        let free = paths.find(|path| path.symlink_metadata().is_err());
        Self::at(free.unwrap_or_default(), record)
    }

    /// Where it is, or will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether it is there: something has been, or was about to be, changed.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// Adds sockets that are about to be changed. When this returns, the file is on the disk.
    pub(crate) fn add(&mut self, groups: Vec<Group>) -> Result<(), WriteUndoError> {
        self.begin();
        self.record.groups.extend(groups);
        self.save()
    }

    /// Forgets sockets that are gone, and takes the file away if there is nothing left to undo.
    /// When this returns, that is on the disk.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn forget_gone(&mut self, is_there: impl Fn(u64) -> bool) -> Result<(), WriteUndoError> {
        for group in &mut self.record.groups {
            group.cookies.retain(|cookie| is_there(*cookie));
        }
        self.record.groups.retain(|group| !group.cookies.is_empty());
        if !self.record.groups.is_empty() || !self.record.sysctls.is_empty() {
            return self.save();
        }
        if self.written {
            self.take_away()?;
            self.written = false;
        }
        Ok(())
    }

    /// Forgets, of these sockets, what was set for a while and taken back since. When this returns,
    /// that is on the disk.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn forget_detours(&mut self, cookies: &FxHashSet<u64>) -> Result<(), WriteUndoError> {
        detours::forget(&mut self.record.groups, cookies);
        self.save()
    }

    /// Says something else from now on. When this returns, that is on the disk.
    pub(crate) fn replace(&mut self, groups: Vec<Group>) -> Result<(), WriteUndoError> {
        self.record.begin_now();
        self.record.groups = groups;
        self.save()
    }

    /// Adds a sysctl that is about to be set. When this returns, the file is on the disk.
    pub(crate) fn add_sysctl(&mut self, change: SysctlChange) -> Result<(), WriteUndoError> {
        self.begin();
        self.record.sysctls.push(change);
        self.save()
    }

    /// Adds what was changed before its own. When this returns, the file is on the disk.
    pub(crate) fn inherit(&mut self, handed: Handed) -> Result<(), WriteUndoError> {
        self.record.inherit(handed);
        self.save()
    }

    /// Knows no longer of what others were handed. When this returns, that is on the disk.
    pub(crate) fn leave(
        &mut self,
        sockets: &FxHashSet<u64>,
        sysctls: &[SysctlChange],
    ) -> Result<(), WriteUndoError> {
        self.record.leave(sockets, sysctls);
        self.save()
    }

    /// What others have changed until now comes before it.
    fn begin(&mut self) {
        if !self.written {
            self.record.begin_now();
        }
    }

    /// Takes the latest sysctl away again, which was not set, and with it the file, if that says
    /// nothing else.
    pub(crate) fn forget_sysctl(&mut self) -> Result<(), WriteUndoError> {
        self.record.sysctls.pop();
        if !self.record.sysctls.is_empty() || !self.record.groups.is_empty() {
            return self.save();
        }
        self.take_away()?;
        self.written = false;
        Ok(())
    }

    /// Reads one that was written earlier.
    ///
    /// # Errors
    /// See [`ReadUndoError`].
    pub fn read(path: &Path) -> Result<Self, ReadUndoError> {
        let failed = |error| ReadUndoError::Io {
            path: path.to_owned(),
            error,
        };
        let bytes = distrust::read(path, LARGEST).map_err(failed)?;
        let mut record: Record =
            serde_json::from_slice(&bytes).map_err(|error| ReadUndoError::Malformed {
                path: path.to_owned(),
                error,
            })?;
        if !record.is_known() {
            return Err(ReadUndoError::Unknown {
                path: path.to_owned(),
            });
        }
        record.complete();
        Ok(Self {
            path: path.to_owned(),
            record,
            written: true,
            noted_in: None,
            note: None,
        })
    }

    /// Takes it away: there is nothing left to undo.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn remove(self) -> Result<(), WriteUndoError> {
        self.take_away()
    }

    fn take_away(&self) -> Result<(), WriteUndoError> {
        fs::remove_file(&self.path).map_err(failed(&self.path))?;
        if let Some(note) = &self.note {
            // Left behind it leads nowhere, and is taken away when that is seen.
            let _ = fs::remove_file(note);
        }
        Ok(())
    }

    /// Writes a file beside it, and puts that in its place.
    fn save(&mut self) -> Result<(), WriteUndoError> {
        let mut beside = OsString::from(&self.path);
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let saved = write_whole(&beside, &self.record).and_then(|()| match self.written {
            true => fs::rename(&beside, &self.path),
            // Another may have taken the name meanwhile.
            false => fs::hard_link(&beside, &self.path).and_then(|()| fs::remove_file(&beside)),
        });
        if let Err(error) = saved {
            // Whatever it is, it is not the undo file.
            let _ = fs::remove_file(&beside);
            let path = self.path.clone();
            let taken = error.kind() == io::ErrorKind::AlreadyExists && !self.written;
            return Err(match taken {
                true => WriteUndoError::Taken { path },
                false => WriteUndoError::Io { path, error },
            });
        }
        self.written = true;
        if let Some(directory) = self.noted_in.take() {
            // Without a note it is not listed, and works all the same.
            self.note = make(&directory)
                .and_then(|()| journal::note(&directory, &self.path, &name(&self.record)))
                .ok();
        }
        if let Some(directory) = self.path.parent().filter(|path| path.is_dir()) {
            // Some file systems know no such thing; the file itself is on the disk.
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
        Ok(())
    }
}
