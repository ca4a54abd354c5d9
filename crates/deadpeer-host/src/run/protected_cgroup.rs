//! A cgroup of a program's own, in which the kernel protects every connection.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use deadpeer_bpf::{CallError, Counts, Engine, Protection, Rule, Unavailable, cgroup};
use deadpeer_sys::{Errno, clock, start};
use rustix::fs::{Access, AtFlags, Dir, FlockOperation, Mode, OFlags};

/// What our cgroups are called, before the number of the process that made them.
const NAME: &str = "deadpeer-run-";

/// A rule that holds for the programs started in it, in their every network namespace. Dropped, it ends: connections keep their options.
#[derive(Debug)]
pub struct ProtectedCgroup {
    protection: Option<Protection>,
    parent: OwnedFd,
    cgroup: OwnedFd,
    name: String,
}

/// There is no cgroup to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectedCgroupError {
    /// The kernel, or our privilege, has not what it takes.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// We are in no cgroup of version 2.
    #[error("this process is in no cgroup v2")]
    NoCgroup,
    /// Our own cgroup could not be opened.
    #[error("cgroup {}: {error}", path.display())]
    Own {
        /// Its path below the root.
        path: PathBuf,
        /// What went wrong.
        error: CallError,
    },
    /// No cgroup could be made below our own: `EACCES` without root or delegation, `EROFS` in most containers.
    #[error("no cgroup below {}: {errno}", path.display())]
    Make {
        /// Our own cgroup's path below the root.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

impl ProtectedCgroup {
    /// Makes a cgroup below our own, and the rule hold in it. Takes `CAP_BPF`, `CAP_NET_ADMIN`, Linux 6.1, and the right to make
    /// cgroups there. What killed runs have left behind is removed.
    ///
    /// # Errors
    /// What is missing. Nothing is left then.
    pub fn make(rule: &Rule) -> Result<Self, ProtectedCgroupError> {
        let path = own_cgroup().ok_or(ProtectedCgroupError::NoCgroup)?;
        let root = cgroup::root()?;
        let parent = match cgroup::open(root, &path) {
            Ok(parent) => parent,
            Err(error) => return Err(ProtectedCgroupError::Own { path, error }),
        };
        clean(&parent);
        let made = make(&parent);
        let (name, cgroup) = made.map_err(|errno| ProtectedCgroupError::Make { path, errno })?;
        let protected = Engine::open(1).and_then(|engine| engine.protect(&cgroup, rule));
        match protected {
            Ok(protection) => Ok(Self {
                protection: Some(protection),
                parent,
                cgroup,
                name,
            }),
            Err(why) => {
                let _ = remove(&parent, &name);
                Err(why.into())
            }
        }
    }

    /// Starts a program in it, with no signal blocked.
    ///
    /// # Errors
    /// Whatever `Command::spawn` fails with, or the cgroup refuses us.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        start::spawn(command, Some(self.cgroup.as_fd()))
    }

    /// What the rule has done so far.
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        self.protection.as_ref()?.counts().ok()
    }

    /// Ends it. `false`: programs still run in it, so the cgroup stays for now, and their new connections are not protected any more.
    #[must_use]
    pub fn end(mut self) -> bool {
        self.close()
    }

    fn close(&mut self) -> bool {
        if self.protection.take().is_none() {
            return true;
        }
        // A process that has just ended may still be on its way out.
        for _ in 0..20 {
            match remove(&self.parent, &self.name) {
                Err(Errno::BUSY) if !self.has_processes() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                removed => return removed.is_ok(),
            }
        }
        false
    }

    fn has_processes(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&self.cgroup, c"cgroup.procs", flags, Mode::empty())
        else {
            return false;
        };
        rustix::io::read(file, &mut [0_u8; 1]).is_ok_and(|len| len > 0)
    }
}

impl Drop for ProtectedCgroup {
    fn drop(&mut self) {
        self.close();
    }
}

/// The path that `/proc/self/cgroup` shows for version 2.
fn own_cgroup() -> Option<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    unified(&text)
}

fn unified(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(path.trim_end_matches(" (deleted)").into())
}

/// Makes a cgroup that nobody takes for a rest: we hold a lock on it as long as we live. Processes in other pid namespaces may have
/// our number, so that alone would not tell.
fn make(parent: &OwnedFd) -> Result<(String, OwnedFd), Errno> {
    let mut last = Errno::AGAIN;
    for _ in 0..3 {
        let now = clock::boottime().as_nanos();
        let name = format!("{NAME}{}-{now:x}", std::process::id());
        rustix::fs::mkdirat(parent, &name, Mode::from_raw_mode(0o755))?;
        match open_locked(parent, &name) {
            Ok(cgroup) => return Ok((name, cgroup)),
            // Somebody took it for a rest in this very moment.
            Err(errno) => last = errno,
        }
    }
    Err(last)
}

/// Removes empty cgroups whose makers were killed. One that programs still run in stays: it does nothing.
fn clean(parent: &OwnedFd) {
    let Ok(entries) = Dir::read_from(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy();
        if name.starts_with(NAME) && open_locked(parent, &name).is_ok() {
            let _ = remove(parent, &name);
        }
    }
}

/// Opens a cgroup that nobody has locked, and locks it until the descriptor is closed.
fn open_locked(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let cgroup = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    rustix::fs::flock(&cgroup, FlockOperation::NonBlockingLockExclusive)?;
    // Removed before it was locked?
    rustix::fs::accessat(parent, name, Access::EXISTS, AtFlags::empty())?;
    Ok(cgroup)
}

fn remove(parent: &OwnedFd, name: &str) -> Result<(), Errno> {
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_version_2_is_found_among_others() {
        let hybrid = "9:name=systemd:/a\n1:cpu:/b\n0::/user.slice/session-2.scope\n";
        assert_eq!(
            unified(hybrid),
            Some(PathBuf::from("/user.slice/session-2.scope"))
        );
        assert_eq!(unified("1:cpu:/b\n"), None);
        assert_eq!(unified("0::/x (deleted)\n"), Some(PathBuf::from("/x")));
    }
}
