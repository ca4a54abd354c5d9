//! Reading owners from `/proc/PID/fd`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;

use deadpeer_sys::ProcessStat;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::Errno;

use super::{Held, Owners};

impl Owners {
    /// Reads the descriptors of every process that we may look into: our own, and with
    /// `CAP_SYS_PTRACE` all of this pid namespace (before Linux 5.14, those of other users with
    /// `CAP_DAC_READ_SEARCH` as well). Processes that end meanwhile are left out.
    ///
    /// # Errors
    /// `/proc` itself cannot be read.
    pub fn scan() -> io::Result<Self> {
        let mut owners = Self::default();
        let mut names = buffer();
        let mut descriptors = buffer();
        let proc = open()?;
        let mut entries = RawDir::new(&proc, &mut names);
        while let Some(entry) = entries.next() {
            let name = entry?;
            if let Some(pid) = number(name.file_name().to_bytes()) {
                owners.scan_process(&proc, pid, &mut descriptors)?;
            }
        }
        owners.index();
        Ok(owners)
    }

    /// Reads the descriptors of these processes alone.
    pub(crate) fn scan_these(pids: &[u32]) -> io::Result<Self> {
        let mut owners = Self::default();
        let mut descriptors = buffer();
        let proc = open()?;
        for pid in pids {
            owners.scan_process(&proc, *pid, &mut descriptors)?;
        }
        owners.index();
        Ok(owners)
    }

    /// Fails where we can't look any more, for a lack of our own: nobody would seem to hold
    /// anything.
    fn scan_process(
        &mut self,
        proc: &OwnedFd,
        pid: u32,
        buffer: &mut [MaybeUninit<u8>],
    ) -> io::Result<()> {
        let before = self.held.len();
        match self.scan_descriptors(proc, pid, buffer) {
            Err(Errno::ACCESS | Errno::PERM) if may_have_descriptors(pid) => {
                self.unreadable.push(pid)
            }
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error.into()),
            // Ended meanwhile; what was seen of it is worth nothing.
            Err(_) => self.held.truncate(before),
            Ok(()) => {}
        }
        if self.held.len() > before {
            let namespace = network_namespace(proc, pid);
            self.add_process(pid, namespace);
        }
        Ok(())
    }

    fn scan_descriptors(
        &mut self,
        proc: &OwnedFd,
        pid: u32,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Result<(), Errno> {
        let process = self.processes.len() as u32;
        let directory = match open_directory(proc, format!("{pid}/fd").as_str()) {
            Err(Errno::ACCESS) => return self.scan_details(proc, pid, buffer),
            directory => directory?,
        };
        let mut entries = RawDir::new(&directory, buffer);
        while let Some(entry) = entries.next() {
            let name = entry?;
            let name = name.file_name();
            let Some(fd) = number(name.to_bytes()).and_then(|fd| RawFd::try_from(fd).ok()) else {
                continue;
            };
            // Reading the link asks no file system; stat() would be cheaper by a hair, and hang on
            // a dead NFS server.
            let mut target = [MaybeUninit::uninit(); 32];
            match readlinkat_raw(&directory, name, &mut target[..]) {
                Ok((target, _)) => {
                    if let Some(inode) = socket_inode(target) {
                        self.held.push(Held { inode, process, fd });
                    }
                }
                // Closed meanwhile.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

impl Owners {
    /// The same from `/proc/PID/fdinfo`, which whoever may trace a process may read. The folder of
    /// links is its user's, whoever else has `CAP_SYS_PTRACE` (fs/proc/fd.c, `proc_fd_permission`,
    /// `proc_fdinfo_permission`).
    fn scan_details(
        &mut self,
        proc: &OwnedFd,
        pid: u32,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Result<(), Errno> {
        let process = self.processes.len() as u32;
        let directory = open_directory(proc, format!("{pid}/fdinfo").as_str())?;
        let mount = mount_of_sockets().ok_or(Errno::ACCESS)?;
        let mut entries = RawDir::new(&directory, buffer);
        while let Some(entry) = entries.next() {
            let name = entry?;
            let name = name.file_name();
            let Some(fd) = number(name.to_bytes()).and_then(|fd| RawFd::try_from(fd).ok()) else {
                continue;
            };
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let mut details = [0; 128];
            let read = openat(&directory, name, flags, Mode::empty())
                .and_then(|file| rustix::io::read(file, &mut details));
            let len = match read {
                Ok(len) => len,
                // Closed meanwhile.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            };
            let details = details.get(..len).unwrap_or_default();
            if field(details, b"mnt_id:") == Some(mount)
                && let Some(inode) = field(details, b"ino:")
            {
                self.held.push(Held { inode, process, fd });
            }
        }
        Ok(())
    }
}

/// The mount that all sockets of the machine are in, by its number; `None` before Linux 5.14, which
/// shows no inode numbers there.
fn mount_of_sockets() -> Option<u32> {
    let socket = UnixDatagram::unbound().ok()?;
    let path = format!("/proc/self/fdinfo/{}", socket.as_raw_fd());
    let details = std::fs::read(path).ok()?;
    field(&details, b"ino:")?;
    field(&details, b"mnt_id:")
}

/// A number among the lines of a file of `/proc/PID/fdinfo`.
fn field(details: &[u8], name: &[u8]) -> Option<u32> {
    let mut lines = details.split(|byte| *byte == b'\n');
    number(lines.find_map(|line| line.strip_prefix(name))?.trim_ascii())
}

/// The number in `socket:[123]`.
fn socket_inode(target: &[u8]) -> Option<u32> {
    number(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// The number in `net:[123]`, which is what the link of a process' network namespace reads.
pub(super) fn network_namespace(proc: &OwnedFd, pid: u32) -> Option<u64> {
    let mut target = [MaybeUninit::uninit(); 32];
    let path = format!("{pid}/ns/net");
    let (target, _) = readlinkat_raw(proc, path.as_str(), &mut target[..]).ok()?;
    number(target.strip_prefix(b"net:[")?.strip_suffix(b"]")?).map(u64::from)
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

/// Whether there is anything to hide: not for kernel threads, nor for a process that ends or has
/// ended, whose links are refused too. `/proc/PID/stat` is readable for everybody.
fn may_have_descriptors(pid: u32) -> bool {
    ProcessStat::of(pid).is_some_and(|stat| has_something_to_hide(stat.flags))
}

fn has_something_to_hide(flags: u32) -> bool {
    // include/linux/sched.h
    const PF_EXITING: u32 = 0x0000_0004;
    const PF_KTHREAD: u32 = 0x0020_0000;
    flags & (PF_EXITING | PF_KTHREAD) == 0
}

pub(super) fn open() -> Result<OwnedFd, Errno> {
    open_directory(CWD, c"/proc")
}

fn open_directory(at: impl AsFd, path: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(at, path, flags, Mode::empty())
}

fn buffer() -> Vec<MaybeUninit<u8>> {
    vec![MaybeUninit::uninit(); 32 * 1024]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpListener;
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn links_of_sockets_and_of_others() {
        assert_eq!(socket_inode(b"socket:[4026531]"), Some(4_026_531));
        for other in [
            &b"socket:[]"[..],
            b"socket:[12",
            b"socket:[99999999999]",
            b"socket:[1x]",
            b"pipe:[1]",
            b"/tmp/socket:[1]",
            b"",
        ] {
            assert_eq!(socket_inode(other), None, "{other:?}");
        }
    }

    #[test]
    fn kernel_threads_and_the_dying_have_nothing_to_hide() {
        assert!(has_something_to_hide(4_194_560));
        assert!(!has_something_to_hide(4_194_560 | 0x4));
        assert!(!has_something_to_hide(2_129_984));
        assert!(may_have_descriptors(std::process::id()));
        assert!(!may_have_descriptors(u32::MAX));
    }

    #[test]
    fn details_of_descriptors() {
        let details = b"pos:\t0\nflags:\t02004002\nmnt_id:\t10\nino:\t10847953\n";
        assert_eq!(field(details, b"mnt_id:"), Some(10));
        assert_eq!(field(details, b"ino:"), Some(10_847_953));
        // As before Linux 5.14.
        assert_eq!(field(b"pos:\t0\nflags:\t02\nmnt_id:\t10\n", b"ino:"), None);
    }

    #[test]
    fn our_own_socket_is_ours() {
        use std::os::unix::fs::MetadataExt;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd()))
            .unwrap()
            .ino();
        let owners = Owners::scan().unwrap();
        let inode = NonZeroU32::new(u32::try_from(inode).unwrap()).unwrap();
        let found: Vec<_> = owners.of(inode).map(|o| (o.process.pid(), o.fd)).collect();
        assert_eq!(found, [(std::process::id(), listener.as_raw_fd())]);
    }
}
