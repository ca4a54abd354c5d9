//! One holder at a time for a network namespace, whoever and wherever he is.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::inode;
use crate::{Result, door};

/// A network namespace that nobody else holds; given back when this is dropped, and by the kernel
/// when its process ends, however that comes.
///
/// It is a lock of flock(2) on the file of the namespace itself (`/proc/PID/ns/net`): the same for
/// every user, every mount namespace and every name that the namespace has, and it leaves nothing
/// behind. Anybody in the namespace can take it. Takes no privilege.
#[derive(Debug)]
pub struct NetnsLock(#[expect(dead_code, reason = "the lock lives as long as it")] OwnedFd);

impl NetnsLock {
    /// Takes it; `None`: somebody holds it.
    ///
    /// # Errors
    /// The descriptor is no file that can be locked.
    pub fn take(namespace: OwnedFd) -> Result<Option<Self>> {
        loop {
            let lock = || flock(&namespace, FlockOperation::NonBlockingLockExclusive);
            match door::call("flock", lock) {
                Ok(()) => return Ok(Some(Self(namespace))),
                Err(error) => match error.errno {
                    Errno::WOULDBLOCK => return Ok(None),
                    Errno::INTR => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

/// The process that holds a namespace, as far as `/proc/locks` tells; one of another pid namespace
/// is not told.
#[must_use]
pub fn locked_by(namespace: impl AsFd) -> Option<u32> {
    let inode = inode(namespace).ok()?;
    let locks = door::file("read(/proc/locks)", || {
        std::fs::read_to_string("/proc/locks")
    })
    .ok()?;
    locks.lines().find_map(|line| holder(line, inode))
}

/// Of a line like `10: FLOCK  ADVISORY  WRITE 2520 00:04:4026531833 0 EOF` (proc_locks(5)).
fn holder(line: &str, inode: u64) -> Option<u32> {
    let mut words = line.split_ascii_whitespace();
    let kind = words.nth(1)?;
    // A line of one who waits has an arrow there.
    let (pid, file) = (words.nth(2)?, words.next()?);
    let same = file.rsplit(':').next()?.parse() == Ok(inode);
    // Inode numbers of namespaces begin far above those of most file systems.
    (kind == "FLOCK" && same && file.starts_with("00:"))
        .then(|| pid.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_stands_in_proc_locks() {
        let line = "10: FLOCK  ADVISORY  WRITE 2520 00:04:4026531833 0 EOF";
        assert_eq!(holder(line, 4_026_531_833), Some(2520));
        assert_eq!(holder(line, 4_026_531_834), None);
        for other in [
            "11: POSIX  ADVISORY  WRITE 2564 00:04:4026531833 0 EOF",
            "10: -> FLOCK  ADVISORY  WRITE 9 00:04:4026531833 0 EOF",
            "12: FLOCK  ADVISORY  WRITE 2091 fe:00:4026531833 0 EOF",
            "12: FLOCK  ADVISORY  WRITE -1 00:04:4026531833 0 EOF",
            "",
        ] {
            assert_eq!(holder(other, 4_026_531_833), None, "{other}");
        }
    }
}
