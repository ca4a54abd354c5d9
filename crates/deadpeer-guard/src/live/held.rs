//! Whether somebody has said to hold: that outlives the guard, which may be started again by
//! whoever does not know of it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file, which is there while it holds. It goes with its directory, when the machine is started
/// again or systemd stops the unit.
#[derive(Debug)]
pub(crate) struct Held(PathBuf);

impl Held {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self(directory.join("guard.held"))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.exists()
    }

    pub(crate) fn set(&self, on: bool) -> io::Result<()> {
        let mut open = OpenOptions::new();
        let open = open.write(true).create(true).truncate(true).mode(0o600);
        let done = match on {
            true => open.open(&self.0).map(drop),
            false => fs::remove_file(&self.0),
        };
        match done {
            Err(error) if !on && error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}
