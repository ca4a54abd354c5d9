//! Where undo files are, what they are called, and how one comes there whole.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::undo::record::Record;

/// Where undo files go unless told otherwise: below `$XDG_STATE_HOME`; `/var/lib/deadpeer` for
/// root; below `~/.local/state`.
#[must_use]
pub fn default_directory() -> PathBuf {
    let set = |variable| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let root = || {
        rustix::process::geteuid()
            .is_root()
            .then(|| PathBuf::from("/var/lib"))
    };
    let state = set("XDG_STATE_HOME")
        .or_else(root)
        .or_else(|| Some(set("HOME")?.join(".local/state")));
    state.unwrap_or_else(std::env::temp_dir).join("deadpeer")
}

pub(super) fn make(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)
}

/// A name for a record's file, without its ending.
pub(super) fn name(record: &Record) -> String {
    let what = match record.within_ms {
        Some(_) => "protect",
        None => "ask",
    };
    format!("{what}-{}-{}", record.begun_unix_s, std::process::id())
}

pub(super) fn write_whole(path: &Path, record: &Record) -> io::Result<()> {
    // What a killed run left there is of no use: it never became an undo file.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut writer = BufWriter::with_capacity(1 << 16, &file);
    serde_json::to_writer(&mut writer, record)?;
    writer.write_all(b"\n")?;
    writer.flush()?;
    drop(writer);
    file.sync_all()
}
