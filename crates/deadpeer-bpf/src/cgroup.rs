//! Control groups of the second version (cgroups(7)), wherever they are mounted, or if they are
//! not.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::{CallError, Unavailable};

/// The root of the hierarchy as this process sees it. Needs no path: machines with both versions
/// have it in other places. Takes `CAP_SYS_ADMIN` where it is not mounted at `/sys/fs/cgroup` or
/// `/sys/fs/cgroup/unified`.
///
/// # Errors
/// [`Unavailable::NoCgroup2`].
pub fn root() -> Result<OwnedFd, Unavailable> {
    for place in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        if let Ok(directory) = open_directory(CWD, Path::new(place))
            && is_cgroup2(&directory)
        {
            return Ok(directory);
        }
    }
    unmounted().map_err(Unavailable::NoCgroup2)
}

/// Opens a cgroup by its path below the root, as `/proc/PID/cgroup` writes it behind `0::`; `/` is
/// the root itself.
///
/// # Errors
/// There is no such cgroup, or it may not be seen.
pub fn open(root: impl AsFd, path: &Path) -> Result<OwnedFd, CallError> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let below = match below.as_os_str().is_empty() {
        true => Path::new("."),
        false => below,
    };
    open_directory(root, below).map_err(CallError::of("openat"))
}

/// The number of a cgroup, which [`Pinned::cgroup`](crate::Pinned::cgroup) and
/// [`Socket::cgroup`](crate::Socket::cgroup) tell: the inode number of its directory.
///
/// # Errors
/// `fstat` failed.
pub fn id(cgroup: impl AsFd) -> Result<u64, CallError> {
    rustix::fs::fstat(cgroup)
        .map(|stat| stat.st_ino)
        .map_err(CallError::of("fstat"))
}

/// The path below the root of the cgroup with this number; `None` if it is gone. Walks the
/// hierarchy.
#[must_use]
pub fn path_of(root: impl AsFd, id: u64) -> Option<PathBuf> {
    find(root.as_fd(), Path::new("/"), id)
}

fn find(directory: impl AsFd, path: &Path, wanted: u64) -> Option<PathBuf> {
    if id(&directory).ok()? == wanted {
        return Some(path.to_owned());
    }
    let entries = Dir::read_from(&directory).ok()?;
    for entry in entries.flatten() {
        let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes()));
        if entry.file_type() == FileType::Directory && !is_dots(name) {
            let below = open_directory(&directory, name).ok();
            let found = below.and_then(|below| find(below, &path.join(name), wanted));
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn is_dots(name: &Path) -> bool {
    name == Path::new(".") || name == Path::new("..")
}

fn open_directory(at: impl AsFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn is_cgroup2(directory: &OwnedFd) -> bool {
    // include/uapi/linux/magic.h
    const CGROUP2_SUPER_MAGIC: u32 = 0x6367_7270;
    rustix::fs::fstatfs(directory).is_ok_and(|fs| fs.f_type as u32 == CGROUP2_SUPER_MAGIC)
}

/// The root without a mount point: it goes when the descriptor does.
fn unmounted() -> Result<OwnedFd, CallError> {
    let context =
        fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC).map_err(CallError::of("fsopen"))?;
    fsconfig_create(&context).map_err(CallError::of("fsconfig"))?;
    fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
    .map_err(CallError::of("fsmount"))
}
