//! Files as a process sees them: of its own root, which a container has.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, openat2};

use crate::door;

/// The root folder of a process. What is opened below it stays below it, whatever symbolic links
/// say (openat2(2), `RESOLVE_IN_ROOT`, Linux 5.6).
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// The root of this process.
    ///
    /// # Errors
    /// As open(2).
    pub fn own() -> io::Result<Self> {
        Self::at("/")
    }

    /// The root of another process.
    ///
    /// # Errors
    /// As open(2) of `/proc/PID/root`, which takes the right to trace the process.
    pub fn of(pid: u32) -> io::Result<Self> {
        Self::at(&format!("/proc/{pid}/root"))
    }

    fn at(path: &str) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || openat2(CWD, path, flags, Mode::empty(), ResolveFlags::empty());
        Ok(Self(door::call("openat2", open)?))
    }

    /// Reads a regular file of at most so many bytes.
    ///
    /// # Errors
    /// As open(2) and read(2); what is no regular file, or is longer, is refused.
    pub fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        // A FIFO or a device would be waited for.
        let file = File::from(self.open(path, OFlags::NONBLOCK | OFlags::NOCTTY)?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut content = Vec::new();
        let mut file = file.take(most.saturating_add(1));
        door::file("read", || file.read_to_end(&mut content))?;
        match content.len() as u64 > most {
            true => Err(io::Error::other(format!("it has more than {most} bytes"))),
            false => Ok(content),
        }
    }

    /// The names in a folder, in order.
    ///
    /// # Errors
    /// As open(2) and getdents(2).
    pub fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        use std::os::unix::ffi::OsStringExt as _;
        let folder = self.open(folder, OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in door::call("openat", || Dir::read_from(folder.as_fd()))? {
            let name = door::call("getdents64", || entry)?
                .file_name()
                .to_bytes()
                .to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let open = || openat2(self.0.as_fd(), path, flags, Mode::empty(), within);
        Ok(door::call("openat2", open)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_do_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/real"), "inside").unwrap();
        std::os::unix::fs::symlink("/etc/real", folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink("../../../etc/passwd", folder.path().join("out")).unwrap();
        let root = Root::at(folder.path().to_str().unwrap()).unwrap();
        assert_eq!(root.read(Path::new("/link"), 99).unwrap(), b"inside");
        assert!(root.read(Path::new("/out"), 99).is_err());
        assert!(root.read(Path::new("/link"), 5).is_err(), "too long");
        assert!(root.read(Path::new("/etc"), 99).is_err(), "a folder");
        assert_eq!(root.names(Path::new("/")).unwrap(), ["etc", "link", "out"]);
    }
}
