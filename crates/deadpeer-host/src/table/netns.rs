//! The network namespaces of a machine, found through what shows them: processes and mounts.

use std::collections::hash_map::Entry;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use deadpeer_sys::netns::{self, NetnsError};
use rustc_hash::{FxHashMap, FxHashSet};

use super::namespace::{Namespace, OpenNamespace};
use super::over;
use super::owners::Owners;

/// A network namespace of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netns {
    /// Its number, as `/proc/PID/ns/net` shows it. Of the namespaces that are there at one moment
    /// no two have the same.
    pub number: u64,
    /// A way to it. Those that [`Tables`](crate::Tables) hand out are kept open.
    pub way: Namespace,
    /// The name that `ip netns` gave it.
    pub name: Option<Box<str>>,
    /// Whether it is the one that we are in.
    pub is_own: bool,
}

impl Netns {
    /// The one that a way leads to now.
    ///
    /// # Errors
    /// There is none, or it may not be seen.
    pub(crate) fn at(way: &Namespace) -> Result<Self, NetnsError> {
        let number = netns::inode(way.open()?)?;
        let name = match way {
            Namespace::Named(name) => Some(name.as_str().into()),
            Namespace::Own | Namespace::Process(_) | Namespace::File(_) | Namespace::Open(_) => {
                None
            }
        };
        Ok(Self {
            number,
            way: way.clone(),
            name,
            is_own: number == netns::inode(netns::open_current()?)?,
        })
    }

    /// One that a socket leads to.
    pub(super) fn kept(open: OpenNamespace) -> Self {
        Self {
            number: open.number(),
            way: Namespace::Open(open),
            name: None,
            is_own: false,
        }
    }

    /// The same, kept open; `None`: its process ended, and another has its number.
    pub(super) fn keep(&self) -> Result<Option<Self>, NetnsError> {
        let way = match self.is_own {
            true => Namespace::Own,
            false => self.way.keep()?,
        };
        let is_it = match &way {
            Namespace::Open(open) => open.number() == self.number,
            Namespace::Own | Namespace::Process(_) | Namespace::Named(_) | Namespace::File(_) => {
                true
            }
        };
        let netns = || Self {
            way,
            ..self.clone()
        };
        Ok(is_it.then(netns))
    }
}

/// What `ip netns` calls it, or its number as `/proc/PID/ns/net` shows it: `net:[4026532290]`.
impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "net:[{}]", self.number),
        }
    }
}

/// The network namespaces that processes and mounts show.
#[derive(Debug, Clone, Default)]
pub struct AllNetns {
    /// Ours first, then by their numbers.
    pub known: Vec<Netns>,
    /// A process in each of those that may not be looked into: which they are does not show.
    pub hidden: Vec<u32>,
}

/// Where `ip netns` keeps its names.
const NAMED: &str = "/run/netns";

impl AllNetns {
    /// Looks for them: in one pass over `/proc`, and in our mounts. One that neither a process is
    /// in nor a mount of ours stands for is not found, though a descriptor or a socket may keep it:
    /// where a process holds such a socket, whoever reads [tables](crate::Tables) finds it by that.
    #[must_use]
    pub fn find() -> Self {
        let mut known: FxHashMap<u64, Netns> = FxHashMap::default();
        let mut add = |number, way: Namespace, name| match known.entry(number) {
            Entry::Vacant(unknown) => {
                unknown.insert(Netns {
                    number,
                    is_own: way == Namespace::Own,
                    way,
                    name,
                });
                true
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.name = known.name.take().or(name);
                false
            }
        };
        if let Ok(here) = netns::open_current()
            && let Ok(number) = netns::inode(here)
        {
            add(number, Namespace::Own, None);
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for (number, path) in mounts.lines().filter_map(mounted) {
            let name = path.strip_prefix(NAMED).ok().and_then(Path::to_str);
            let name = name.map(Into::into);
            add(number, Namespace::File(path), name);
        }
        // Of every namespace that is known, the file of a process; and those of the others.
        let mut seen: FxHashSet<u64> = FxHashSet::default();
        let mut hidden: FxHashMap<u64, u32> = FxHashMap::default();
        seen.extend(network_file(Path::new("/proc/thread-self")));
        for (pid, directory) in processes() {
            match fs::read_link(directory.join("ns/net")) {
                Ok(link) => {
                    if let Some(number) = link.to_str().and_then(number)
                        && add(number, Namespace::Process(pid), None)
                    {
                        seen.extend(network_file(&directory));
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    if let Some(file) = network_file(&directory) {
                        hidden.entry(file).or_insert(pid);
                    }
                }
                // It ended meanwhile.
                Err(_) => {}
            }
        }
        hidden.retain(|file, _| !seen.contains(file));
        let mut known: Vec<Netns> = known.into_values().collect();
        known.sort_by_key(|netns| (!netns.is_own, netns.number));
        let mut hidden: Vec<u32> = hidden.into_values().collect();
        hidden.sort_unstable();
        Self { known, hidden }
    }

    /// The same; and unless all with these numbers are among them, those that a socket alone keeps
    /// as well: that takes a look at every TCP socket that a process holds.
    #[must_use]
    pub fn find_with(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut all = Self::find();
        let is_missing = numbers.into_iter().any(|number| all.of(number).is_none());
        if is_missing && let Ok(owners) = Owners::scan() {
            let known = all.known.iter().map(|netns| netns.number).collect();
            let kept = over::elsewhere(&owners, &known);
            all.known.extend(kept.into_iter().map(Netns::kept));
        }
        all
    }

    /// The one with this number.
    #[must_use]
    pub fn of(&self, number: u64) -> Option<&Netns> {
        self.known.iter().find(|netns| netns.number == number)
    }
}

/// Whether the calling thread is where the machine began: in the first pid namespace and the first
/// user namespace, and in the network namespace of process 1. A container and a namespace that
/// somebody made for himself are not.
///
/// The first namespaces have fixed numbers (include/uapi/linux/nsfs.h, `PID_NS_INIT_INO` and
/// `USER_NS_INIT_INO`; include/linux/proc_ns.h before Linux 6.18).
#[must_use]
pub(crate) fn is_the_machines_own() -> bool {
    const FIRST: [(&str, &str); 2] = [
        ("/proc/thread-self/ns/pid", "pid:[4026531836]"),
        ("/proc/thread-self/ns/user", "user:[4026531837]"),
    ];
    let is_first = |(file, first): (&str, &str)| {
        fs::read_link(file).is_ok_and(|link| link.to_str() == Some(first))
    };
    let here = network_file(Path::new("/proc/thread-self"));
    FIRST.into_iter().all(is_first) && here.is_some() && here == network_file(Path::new("/proc/1"))
}

fn processes() -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, entry.path()))
    })
}

/// What tells the network namespace of a process that may not be looked into from others: each has
/// a `/proc/PID/net/dev` of its own (fs/proc/generic.c, `proc_alloc_inum`), and anybody may see
/// that.
pub(crate) fn network_file(process: &Path) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use deadpeer_sys::testing::in_private_netns;

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

    #[test]
    fn ours_comes_first_and_is_not_the_machines_once_we_have_left_that() {
        in_private_netns(|| {
            let here = netns::inode(netns::open_current().unwrap()).unwrap();
            let all = AllNetns::find();
            assert_eq!((all.known[0].number, all.known[0].is_own), (here, true));
            assert!(all.of(here).is_some() && all.of(1).is_none());
            assert!(!is_the_machines_own());
        });
    }
}
