//! Cgroups (v2) that a test makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the hierarchy is mounted, also where it stands beside the old ones; `None`: nowhere.
pub(crate) fn root() -> Option<PathBuf> {
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
    let mut mounted = roots
        .into_iter()
        .filter(|root| root.join("cgroup.controllers").exists());
    mounted.next().map(Path::to_owned)
}

/// Removes a cgroup with all below it. It is busy until its processes are buried, which are dead.
pub(crate) fn remove(cgroup: &Path) {
    let bound = Instant::now() + Duration::from_secs(5);
    while remove_now(cgroup).is_err() && Instant::now() < bound {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn remove_now(cgroup: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(cgroup)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_now(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}
