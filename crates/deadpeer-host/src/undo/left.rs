//! What is still there of what was recorded.

use std::collections::hash_map::Entry;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use deadpeer_sys::netns;
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use rustc_hash::{FxHashMap, FxHashSet};

use super::file::UndoFile;
use crate::table::Namespace;

/// What is still there of what an undo file knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Left {
    /// Nothing: the machine was started again since.
    EarlierBoot,
    /// Nothing: no process and no mount shows its network namespace.
    NamespaceGone,
    /// So many of its sockets, and its sysctls.
    Sockets(u64),
    /// That can't be told: not permitted.
    Unknown,
}

impl Left {
    /// Looks what is left of each file. `boot` is the number of the running boot
    /// ([`boot_id`](super::boot_id)). Another network namespace than ours takes `CAP_SYS_ADMIN`.
    #[must_use]
    pub fn of(files: &[UndoFile], boot: &str) -> Vec<Self> {
        let places = Places::find();
        let mut sockets: FxHashMap<u64, Option<FxHashSet<u64>>> = FxHashMap::default();
        let left = |file: &UndoFile| {
            let record = file.record();
            let number = record.network_namespace;
            if record.boot_id != boot {
                return Self::EarlierBoot;
            }
            let Some(place) = places.known.get(&number) else {
                return match places.complete {
                    true => Self::NamespaceGone,
                    false => Self::Unknown,
                };
            };
            let there = sockets
                .entry(number)
                .or_insert_with(|| cookies(place, number));
            let Some(there) = there else {
                return Self::Unknown;
            };
            let known = record.groups.iter().flat_map(|group| &group.cookies);
            let known: FxHashSet<u64> = known.copied().collect();
            Self::Sockets(known.intersection(there).count() as u64)
        };
        files.iter().map(left).collect()
    }

    /// Whether nothing is left to be undone.
    #[must_use]
    pub fn is_over(self, file: &UndoFile) -> bool {
        match self {
            Self::EarlierBoot | Self::NamespaceGone => true,
            Self::Sockets(sockets) => sockets == 0 && file.record().sysctls.is_empty(),
            Self::Unknown => false,
        }
    }
}

/// The network namespaces that processes and mounts show.
#[derive(Debug, Default)]
struct Places {
    known: FxHashMap<u64, Namespace>,
    /// Whether every process' could be seen.
    complete: bool,
}

impl Places {
    fn find() -> Self {
        let mut places = Self {
            complete: true,
            ..Self::default()
        };
        if let Ok(here) = netns::open_current()
            && let Ok(number) = netns::inode(here)
        {
            places.known.insert(number, Namespace::Own);
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for (number, path) in mounts.lines().filter_map(mounted) {
            places.known.entry(number).or_insert(Namespace::File(path));
        }
        let Ok(processes) = fs::read_dir("/proc") else {
            places.complete = false;
            return places;
        };
        // Of every namespace that is known, the file of a process; and those of the others.
        let (mut seen, mut hidden) = (FxHashSet::default(), Vec::new());
        seen.extend(network_file(Path::new("/proc/thread-self")));
        for process in processes.flatten() {
            let Some(pid) = process
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            match fs::read_link(process.path().join("ns/net")) {
                Ok(link) => {
                    let Some(number) = link.to_str().and_then(number) else {
                        continue;
                    };
                    if let Entry::Vacant(unknown) = places.known.entry(number) {
                        unknown.insert(Namespace::Process(pid));
                        seen.extend(network_file(&process.path()));
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    hidden.extend(network_file(&process.path()));
                }
                // It ended meanwhile.
                Err(_) => {}
            }
        }
        places.complete = hidden.iter().all(|file| seen.contains(file));
        places
    }
}

/// What tells the network namespace of a process that may not be looked into from others: each has
/// a `/proc/PID/net/dev` of its own (fs/proc/generic.c, `proc_alloc_inum`), and anybody may see
/// that.
fn network_file(process: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(fs::metadata(process.join("net/dev")).ok()?.ino())
}

/// Of `net:[4026531840]`.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// Of a line of mountinfo (proc_pid_mountinfo(5)): the root of a mount of a namespace is its name.
fn mounted(line: &str) -> Option<(u64, PathBuf)> {
    let mut fields = line.split(' ').skip(3);
    let number = number(fields.next()?)?;
    Some((number, fields.next()?.into()))
}

/// Of every socket of a namespace; `None`: they can't be seen.
fn cookies(place: &Namespace, number: u64) -> Option<FxHashSet<u64>> {
    let look = || {
        let here = netns::inode(netns::open_current().ok()?).ok()?;
        let mut cookies = FxHashSet::default();
        let live = Request {
            states: States::LIVE,
            tcp_info: false,
        };
        let dumped = SockDiag::open().ok()?.dump(live, |socket| {
            cookies.insert(socket.cookie);
            ControlFlow::Continue(())
        });
        (here == number && dumped.is_ok()).then_some(cookies)
    };
    place.run(look).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_namespaces() {
        let line = "310 27 0:4 net:[4026532290] /run/netns/blue rw shared:9 - nsfs nsfs rw";
        let blue = (4_026_532_290, PathBuf::from("/run/netns/blue"));
        assert_eq!(mounted(line), Some(blue));
        let root = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw";
        assert_eq!(mounted(root), None);
        assert_eq!(mounted(""), None);
    }
}
