//! A cgroup of a test's own.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use deadpeer_bpf::cgroup;
use deadpeer_sys::testing::skip;
use rustix::fs::{AtFlags, Mode, OFlags};

/// A cgroup that is removed when the test is done.
pub(crate) struct Group {
    root: OwnedFd,
    name: PathBuf,
    directory: OwnedFd,
}

impl Group {
    /// Makes one below the root, or skips the test.
    pub(crate) fn make() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = PathBuf::from(format!("deadpeer-test-{}-{number}", std::process::id()));
        let made = cgroup::root()
            .map_err(|error| error.to_string())
            .and_then(|root| {
                rustix::fs::mkdirat(&root, &name, Mode::RWXU).map_err(|error| error.to_string())?;
                let directory = cgroup::open(&root, &name).map_err(|error| error.to_string())?;
                Ok((root, directory))
            });
        match made {
            Ok((root, directory)) => Some(Self {
                root,
                name,
                directory,
            }),
            Err(error) => {
                skip(&format!("no cgroup can be made: {error}"));
                None
            }
        }
    }

    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Moves a process here.
    pub(crate) fn add(&self, pid: u32) {
        write(&self.directory, "cgroup.procs", pid);
    }
}

fn write(directory: impl AsFd, file: &str, pid: u32) {
    let file = rustix::fs::openat(
        directory,
        file,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let text = pid.to_string();
    assert_eq!(
        rustix::io::write(file.unwrap(), text.as_bytes()),
        Ok(text.len())
    );
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its last process may still be leaving.
        for _ in 0..200 {
            match rustix::fs::unlinkat(&self.root, &self.name, AtFlags::REMOVEDIR) {
                Err(rustix::io::Errno::BUSY) => {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
                Ok(()) | Err(_) => return,
            }
        }
    }
}
