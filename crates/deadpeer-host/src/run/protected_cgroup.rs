//! A cgroup of a program's own, in which the kernel protects every connection.

use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;

use deadpeer_bpf::{CallError, Engine, Protection, Rule, Unavailable, cgroup};
use deadpeer_sys::{Errno, start};

use super::adopted::{Adopted, NotCovered};
use super::directory::{self, Directory};
use super::inherited::Inherited;
use super::removal::Removal;
use crate::protect::Aim;

/// A rule that holds for the programs started in it, in their every network namespace. Dropped, it
/// ends: connections keep their options.
#[derive(Debug)]
pub struct ProtectedCgroup {
    protection: Protection,
    adopted: Adopted,
    directory: Directory,
}

/// There is no cgroup to be had.
#[derive(Debug, thiserror::Error)]
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
    /// No cgroup could be made below our own: `EACCES` without root or delegation, `EROFS` in most
    /// containers.
    #[error("no cgroup below {}: {errno}", path.display())]
    Make {
        /// Our own cgroup's path below the root.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

impl ProtectedCgroup {
    /// Makes a cgroup below our own, and the rule hold in it. Takes `CAP_BPF`, `CAP_NET_ADMIN`,
    /// Linux 6.1, and the right to make cgroups there. What killed runs have left behind is
    /// removed.
    ///
    /// The rule also holds for TCP sockets that the programs are given, and for what they accept.
    /// Connections that wait there already take `CAP_PERFMON` as well.
    ///
    /// # Errors
    /// What is missing. Nothing is left then.
    pub fn make(
        aim: &Aim,
        rule: &Rule,
        inherited: &Inherited,
    ) -> Result<Self, ProtectedCgroupError> {
        let path = own_cgroup().ok_or(ProtectedCgroupError::NoCgroup)?;
        let root = cgroup::root()?;
        let parent = match cgroup::open(root, &path) {
            Ok(parent) => parent,
            Err(error) => return Err(ProtectedCgroupError::Own { path, error }),
        };
        directory::clean(&parent);
        let directory = match Directory::make(parent) {
            Ok(directory) => directory,
            Err(errno) => return Err(ProtectedCgroupError::Make { path, errno }),
        };
        let protection = Engine::open(1)?.protect(directory.as_fd(), rule)?;
        Ok(Self {
            adopted: Adopted::of(inherited, aim, rule),
            protection,
            directory,
        })
    }

    /// Starts a program in it, with no signal blocked.
    ///
    /// # Errors
    /// Whatever `Command::spawn` fails with, or the cgroup refuses us.
    pub fn spawn(&mut self, command: &mut Command) -> io::Result<Child> {
        self.adopted.check(command);
        start::spawn(command, Some(self.directory.as_fd()))
    }

    /// What the rule does not hold for: sockets given to the programs, and once one was started,
    /// what it sets itself if it can't be heard.
    #[must_use]
    pub fn not_covered(&self) -> &[NotCovered] {
        self.adopted.left()
    }

    /// Ends of connections, and calls, on which the kernel refused an option so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let counts = self.protection.counts();
        counts.map_or(0, |counts| counts.refused) + self.adopted.refused()
    }

    /// Ends the rule. The cgroup goes as soon as it can.
    #[must_use]
    pub fn end(self, now: Instant) -> Removal {
        drop(self.protection);
        Removal::of(self.directory, now)
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
