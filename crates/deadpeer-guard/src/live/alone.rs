//! One guard at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Where the lock and the socket of a running guard are: what systemd has made for its unit
/// (systemd.exec(5), `RuntimeDirectory=`), or `/run/deadpeer`.
#[must_use]
pub fn runtime_directory() -> PathBuf {
    let given = std::env::var_os("RUNTIME_DIRECTORY");
    given.map_or_else(|| "/run/deadpeer".into(), Into::into)
}

/// Keeps other guards out, as long as it lives.
#[derive(Debug)]
pub struct Alone {
    directory: PathBuf,
    _lock: File,
}

/// There cannot be a guard.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// There is one.
    #[error("another guard is running{}: see `deadpeer guard status`", number(*.0))]
    Another(Option<u32>),
    /// There is no place for its lock.
    #[error("{}: {error}", path.display())]
    NoPlace {
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl Alone {
    /// Makes the directory if need be, and takes the lock in it.
    ///
    /// # Errors
    /// See [`AloneError`].
    pub fn take(directory: &Path) -> Result<Self, AloneError> {
        let path = directory.join("guard.lock");
        let no_place = |error| AloneError::NoPlace {
            path: path.clone(),
            error,
        };
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o755);
        make.create(directory).map_err(no_place)?;
        let mut open = OpenOptions::new();
        open.read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut lock = open.open(&path).map_err(no_place)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(AloneError::Another(pid_in(&mut lock))),
            Err(errno) => return Err(no_place(errno.into())),
        }
        write_pid(&mut lock).map_err(no_place)?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

fn pid_in(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn number(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_refused_until_the_first_is_gone() {
        let directory = std::env::temp_dir().join(format!("guard-alone-{}", std::process::id()));
        let first = Alone::take(&directory).unwrap();
        let refused = Alone::take(&directory).unwrap_err().to_string();
        let ours = format!("another guard is running (process {})", std::process::id());
        assert!(refused.starts_with(&ours), "{refused}");
        drop(first);
        drop(Alone::take(&directory).unwrap());
        fs::remove_dir_all(&directory).unwrap();
    }
}
