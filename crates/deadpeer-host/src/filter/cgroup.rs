//! From a cgroup's directory to the ids that sockets carry.

mod paths;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use paths::Paths;

/// The ids of a cgroup v2 directory and of all below it.
///
/// A socket carries the id of the cgroup it was made in: the inode number of the directory
/// (`cgroup_id`, include/linux/cgroup.h). Directories that vanish meanwhile are left out.
///
/// # Errors
/// The directory itself cannot be read.
pub fn ids(directory: &Path) -> io::Result<Vec<u64>> {
    let mut found = vec![fs::metadata(directory)?.ino()];
    let mut waiting = vec![fs::read_dir(directory)?];
    while let Some(entries) = waiting.pop() {
        for entry in entries.flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let Some(metadata) = is_directory.then(|| entry.metadata().ok()).flatten() else {
                continue;
            };
            found.push(metadata.ino());
            waiting.extend(fs::read_dir(entry.path()));
        }
    }
    Ok(found)
}

/// The processes in a cgroup v2 directory and in all below it, as far as they can be read.
pub(crate) fn processes(directory: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        found.extend(text.lines().filter_map(|pid| pid.parse::<u32>().ok()));
        waiting.extend(below(&directory));
    }
    found
}

/// The directories in a directory.
fn below(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path())
}

/// Where a cgroup v2 hierarchy may be mounted: beside version 1, or alone.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

/// The directory of a cgroup, by its path below the root as `/proc/PID/cgroup` shows it, or by its
/// path in the file system.
#[must_use]
pub fn directory(path: &Path) -> Option<PathBuf> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let below_roots = ROOTS.iter().map(|root| Path::new(root).join(relative));
    below_roots
        .chain([path.to_owned()])
        .find(|directory| directory.join("cgroup.procs").exists())
}

/// Where the hierarchy is mounted: only version 2 has this file in its root
/// (Documentation/admin-guide/cgroup-v2.rst).
fn root() -> Option<&'static Path> {
    let mut roots = ROOTS.iter().map(|root| Path::new(*root));
    roots.find(|root| root.join("cgroup.controllers").exists())
}

/// The path of a directory below the root of the hierarchy.
pub(super) fn below_root(directory: &Path) -> Option<PathBuf> {
    let below = directory.strip_prefix(root()?).ok()?;
    Some(Path::new("/").join(below))
}

/// The number of a cgroup, by its path below the root: `None` if it is gone.
#[must_use]
pub fn number(path: &Path) -> Option<u64> {
    let below = path.strip_prefix("/").unwrap_or(path);
    Some(fs::metadata(root()?.join(below)).ok()?.ino())
}

/// Every cgroup that is meant, by its path below the root; what is below one that is meant is not
/// shown.
pub(super) fn all_that(mut is_meant: impl FnMut(&Path) -> bool) -> Vec<PathBuf> {
    let Some(root) = root() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        let below = directory.strip_prefix(root).unwrap_or(&directory);
        if is_meant(below) {
            found.push(directory);
            continue;
        }
        waiting.extend(self::below(&directory));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_and_all_below() {
        let root = std::env::temp_dir().join(format!("deadpeer-cgroup-{}", std::process::id()));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/cgroup.procs"), "").unwrap();
        let mut expected: Vec<_> = ["", "a", "a/b"]
            .map(|name| fs::metadata(root.join(name)).unwrap().ino())
            .into();
        let mut found = ids(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        assert!(ids(Path::new("/nonexistent/cgroup")).is_err());
    }
}
