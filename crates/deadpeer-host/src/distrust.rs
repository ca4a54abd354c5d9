//! Opening what somebody else may have put there: nothing that waits, and nothing of strangers.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};

const NOT_REGULAR: &str = "it is not a regular file";

/// Reads a regular file of ours or of root's that not everybody may write, no link to one and of at
/// most so many bytes, and never waits for anybody.
///
/// # Errors
/// As open(2) and read(2); and what is wrong with the file.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Of a FIFO, O_NONBLOCK keeps open(2) from waiting for somebody who writes.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(path, flags, Mode::empty()).map_err(|errno| match errno {
        rustix::io::Errno::LOOP => io::Error::other("it is a link, and links are not followed"),
        // A socket, or a device that nothing drives.
        rustix::io::Errno::NXIO => io::Error::other(NOT_REGULAR),
        errno => errno.into(),
    })?;
    let stat = fstat(&file)?;
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    let us = rustix::process::geteuid().as_raw();
    let wrong = match () {
        () if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => Some(NOT_REGULAR),
        () if stat.st_uid != us && stat.st_uid != 0 => Some("it belongs to another user"),
        () if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) => {
            Some("everybody may write it")
        }
        () if size > most => Some("it is too large"),
        () => None,
    };
    if let Some(wrong) = wrong {
        return Err(io::Error::other(wrong));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow meanwhile.
    File::from(file).take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
