//! Names in a BPF file system, below a directory of ours.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::{CallError, PinError, kernel};

/// Where our names are.
const OURS: &str = "deadpeer";

/// Makes a directory for the files of one name.
pub(crate) fn make(bpffs: &Path, name: &str) -> Result<PathBuf, PinError> {
    if name.is_empty() || name.contains(['/', '.', '\0']) {
        return Err(PinError::Name {
            name: name.to_owned(),
        });
    }
    if !is_bpffs(bpffs) {
        return Err(PinError::NoBpffs {
            path: bpffs.to_owned(),
        });
    }
    let ours = bpffs.join(OURS);
    match fs::create_dir(&ours) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("mkdir", &ours, &error));
        }
        Ok(()) | Err(_) => {}
    }
    let directory = ours.join(name);
    match fs::create_dir(&directory) {
        Ok(()) => Ok(directory),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(PinError::Taken { path: directory })
        }
        Err(error) => Err(failed("mkdir", &directory, &error)),
    }
}

/// Gives an object a name.
pub(crate) fn put(object: &OwnedFd, path: &Path) -> Result<(), PinError> {
    let pinned = text(path).and_then(|text| kernel::object_pin(object, &text));
    pinned.map_err(|error| PinError::Call {
        path: path.to_owned(),
        error,
    })
}

/// Opens an object by its name.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, CallError> {
    kernel::object_open(&text(path)?)
}

/// The directories that [`make`] made, by name.
pub(crate) fn all(bpffs: &Path) -> Result<Vec<PathBuf>, PinError> {
    let ours = bpffs.join(OURS);
    let entries = match fs::read_dir(&ours) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| failed("readdir", &ours, &error))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<_> = paths
        .collect::<io::Result<_>>()
        .map_err(|error| failed("readdir", &ours, &error))?;
    paths.sort();
    Ok(paths)
}

/// Removes the files and their directory, and our own if it is empty then. What is not there is no
/// error.
pub(crate) fn remove(directory: &Path, files: &[&str]) -> Result<(), PinError> {
    for path in files.iter().map(|file| directory.join(file)) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("unlink", &path, &error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("rmdir", directory, &error));
        }
        Ok(()) | Err(_) => {}
    }
    // Others' names may be in it.
    let _ = directory.parent().map(fs::remove_dir);
    Ok(())
}

fn is_bpffs(path: &Path) -> bool {
    // include/uapi/linux/magic.h
    const BPF_FS_MAGIC: u32 = 0xcafe_4a11;
    rustix::fs::statfs(path).is_ok_and(|fs| fs.f_type as u32 == BPF_FS_MAGIC)
}

fn text(path: &Path) -> Result<CString, CallError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| CallError {
        call: "bpf(OBJ_PIN)",
        errno: Errno::INVAL,
    })
}

fn failed(call: &'static str, path: &Path, error: &io::Error) -> PinError {
    PinError::Call {
        path: path.to_owned(),
        error: CallError {
            call,
            errno: Errno::from_io_error(error).unwrap_or(Errno::IO),
        },
    }
}
