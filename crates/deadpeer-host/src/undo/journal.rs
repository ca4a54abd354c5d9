//! Every undo file that is known: those of the directory, and those that were put elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{ENDING, LARGEST, ReadUndoError, UndoFile};
use super::ours::Ours;
use super::record::Record;
use crate::distrust;

/// How notes end that say where an undo file was put instead.
const NOTE_ENDING: &str = ".undo.at";

/// The undo files that are known, in the order in which they were begun.
#[derive(Debug, Default)]
pub struct Journal {
    /// Those that could be read.
    pub files: Vec<UndoFile>,
    /// Those that could not: nobody knows what they would put back.
    pub unreadable: Vec<ReadUndoError>,
}

impl Journal {
    /// Reads all that a directory knows of; none if there is no such directory.
    ///
    /// # Errors
    /// The directory is there and can't be read.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries?,
        };
        let mut journal = Self::default();
        for entry in entries {
            let path = entry?.path();
            let name = path.as_os_str().as_encoded_bytes();
            if name.ends_with(ENDING.as_bytes()) {
                journal.add(UndoFile::read(&path));
            } else if name.ends_with(NOTE_ENDING.as_bytes()) {
                journal.follow(&path);
            }
        }
        journal.files.sort_by_key(|file| file.record().order());
        Ok(journal)
    }

    /// The numbers of the network namespaces in which something was protected in this boot.
    #[must_use]
    pub fn protected(&self) -> BTreeSet<u64> {
        let records = self.of_this_boot().filter(|it| it.within_ms.is_some());
        records.map(|record| record.network_namespace).collect()
    }

    fn of_this_boot(&self) -> impl Iterator<Item = &Record> {
        let boot = super::boot_id().ok();
        let records = self.files.iter().map(UndoFile::record);
        records.filter(move |record| Some(&record.boot_id) == boot.as_ref())
    }

    /// What was changed in this boot.
    pub(crate) fn ours(&self) -> Ours {
        let mut ours = Ours::default();
        let groups = self.of_this_boot().flat_map(|record| &record.groups);
        for group in groups.filter(|group| !group.lent) {
            ours.then(group);
        }
        ours
    }

    /// The same file with the note that led to it, if one did.
    #[must_use]
    pub fn with_note(&self, file: UndoFile) -> UndoFile {
        let path = file.path().canonicalize().ok();
        let same = |known: &&UndoFile| known.path().canonicalize().ok() == path;
        let known = self.files.iter().filter(|_| path.is_some()).find(same);
        match known.and_then(UndoFile::note) {
            Some(note) => file.noted_at(&note),
            None => file,
        }
    }

    /// The files that were begun after this one, in the same namespace and boot, in order.
    pub(crate) fn later_than(&self, file: &UndoFile) -> Vec<usize> {
        let (path, record) = (file.path(), file.record());
        let later = |other: &UndoFile| {
            let it: &Record = other.record();
            it.is_of_same_namespace(record) && it.order() > record.order() && other.path() != path
        };
        let places = self.files.iter().enumerate();
        places
            .filter(|(_, other)| later(other))
            .map(|(place, _)| place)
            .collect()
    }

    fn add(&mut self, file: Result<UndoFile, ReadUndoError>) {
        match file {
            Ok(file) => self.files.push(file),
            Err(error) => self.unreadable.push(error),
        }
    }

    /// The file that a note leads to. Where there is none any more, somebody has taken it away.
    fn follow(&mut self, note: &Path) {
        let Some(path) = noted(note) else { return };
        match UndoFile::read(&path) {
            Err(ReadUndoError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs::remove_file(note);
            }
            file => self.add(file.map(|file| file.noted_at(note))),
        }
    }
}

fn noted(note: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = distrust::read(note, LARGEST).ok()?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    path.is_absolute().then_some(path)
}

/// Notes in a directory where an undo file was put instead. Returns the note.
pub(super) fn note(directory: &Path, path: &Path, name: &str) -> io::Result<PathBuf> {
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = std::path::absolute(path)?;
    let note = directory.join(format!("{name}{NOTE_ENDING}"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&note)?;
    file.write_all(path.as_os_str().as_bytes())?;
    file.sync_all()?;
    Ok(note)
}
