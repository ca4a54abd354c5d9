//! Which process holds which socket, as one pass over `/proc` or over the kernel's own tables by
//! eBPF has shown.

mod proc;

use std::num::NonZeroU32;
use std::ops::{ControlFlow, Range};
use std::os::fd::RawFd;
use std::sync::{Arc, OnceLock};

use deadpeer_bpf::{CallError, SocketOwners};
use rustc_hash::FxHashMap;

use crate::process::Process;
use crate::workload::Names;

/// The owners of every socket, as `/proc` showed them.
///
/// About 13 bytes a descriptor. A thread that left its process' descriptor table
/// (`unshare(CLONE_FILES)`) is not looked at.
#[derive(Debug, Default)]
pub struct Owners {
    processes: Vec<Process>,
    /// Sorted by inode.
    held: Vec<Held>,
    /// Where the numbers of each [block](BLOCK) are in `held`.
    blocks: FxHashMap<u32, Range<usize>>,
    unreadable: Vec<u32>,
    /// Read when the first process of a container is asked for its workload.
    called: Arc<OnceLock<Names>>,
}

/// The owners of one socket: nobody, one process, or all that share it after a fork.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnersOf<'a> {
    processes: &'a [Process],
    held: &'a [Held],
}

/// One process holding a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The process.
    pub process: &'a Process,
    /// Its descriptor.
    pub fd: RawFd,
}

/// One descriptor of a process, and the socket behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    inode: u32,
    process: u32,
    fd: RawFd,
}

impl Owners {
    /// Asks the kernel by eBPF: every process of this pid namespace, also those that `/proc` hides
    /// from us, and also descriptors of threads that left their process' table.
    pub(crate) fn by_bpf(holders: &SocketOwners) -> Result<Self, CallError> {
        let mut owners = Self::default();
        let proc = proc::open().ok();
        holders.each(|holder| {
            // They come process by process.
            let known = owners.processes.last();
            if known.is_none_or(|process| process.pid() != holder.pid) {
                let namespace = proc.as_ref();
                let namespace =
                    namespace.and_then(|proc| proc::network_namespace(proc, holder.pid));
                owners.add_process(holder.pid, namespace);
            }
            owners.held.push(Held {
                inode: holder.inode.get(),
                process: (owners.processes.len() - 1) as u32,
                fd: holder.fd,
            });
            ControlFlow::Continue(())
        })?;
        owners.index();
        Ok(owners)
    }

    /// Every descriptor of a socket, of any kind, with its inode number.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, Owner<'_>)> {
        self.held.iter().filter_map(|held| {
            let process = self.processes.get(held.process as usize)?;
            let fd = held.fd;
            Some((held.inode, Owner { process, fd }))
        })
    }

    /// Who holds the socket with this inode number.
    #[must_use]
    pub fn of(&self, inode: NonZeroU32) -> OwnersOf<'_> {
        let inode = inode.get();
        let block = self.blocks.get(&(inode / BLOCK)).cloned();
        let block = block.and_then(|place| self.held.get(place));
        let block = block.unwrap_or_default();
        let held = block.get(place(block, inode)..).unwrap_or_default();
        let shared = held.iter().take_while(|held| held.inode == inode);
        OwnersOf {
            processes: &self.processes,
            held: held.get(..shared.count()).unwrap_or_default(),
        }
    }

    /// The processes whose descriptors we may not see, by number. Kernel threads have none and
    /// don't count.
    #[must_use]
    pub fn unreadable(&self) -> &[u32] {
        &self.unreadable
    }

    /// The processes that hold sockets, of any kind.
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    fn add_process(&mut self, pid: u32, namespace: Option<u64>) {
        let logs = Arc::clone(&self.called);
        self.processes.push(Process::new(pid, namespace, logs));
    }

    fn index(&mut self) {
        self.held.sort_unstable();
        self.drop_borrowed();
        let mut from = 0;
        let blocks = self
            .held
            .chunk_by(|a, b| a.inode / BLOCK == b.inode / BLOCK);
        for held in blocks {
            let to = from + held.len();
            if let [first, ..] = held {
                self.blocks.insert(first.inode / BLOCK, from..to);
            }
            from = to;
        }
    }
}

impl Owners {
    /// While it asks or sets, a deadpeer holds a duplicate of the owner's descriptor, and owns
    /// nothing.
    fn drop_borrowed(&mut self) {
        let processes = &self.processes;
        let ours = |held: &Held| {
            let process = processes.get(held.process as usize);
            process.is_some_and(|process| process.comm() == b"deadpeer")
        };
        let sharing = self.held.chunk_by(|a, b| a.inode == b.inode);
        let borrowed: Vec<Held> = sharing
            .filter(|sharing| sharing.len() > 1 && !sharing.iter().all(ours))
            .flat_map(|sharing| sharing.iter().copied().filter(ours))
            .collect();
        if !borrowed.is_empty() {
            self.held
                .retain(|held| borrowed.binary_search(held).is_err());
        }
    }
}

/// Owners that are known from elsewhere: an inode number, a process, its descriptor.
impl FromIterator<(NonZeroU32, Process, RawFd)> for Owners {
    fn from_iter<I: IntoIterator<Item = (NonZeroU32, Process, RawFd)>>(known: I) -> Self {
        let mut owners = Self::default();
        for (inode, process, fd) in known {
            let same = |known: &Process| *known == process;
            let place = owners.processes.iter().position(same);
            let place = place.unwrap_or_else(|| {
                owners.processes.push(process);
                owners.processes.len() - 1
            });
            owners.held.push(Held {
                inode: inode.get(),
                process: place as u32,
                fd,
            });
        }
        owners.index();
        owners
    }
}

impl<'a> OwnersOf<'a> {
    /// The number of each process, and of its descriptor.
    pub(crate) fn numbers(self) -> impl Iterator<Item = (u32, RawFd)> + 'a {
        self.map(|owner| (owner.process.pid(), owner.fd))
    }
}

impl<'a> Iterator for OwnersOf<'a> {
    type Item = Owner<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (held, rest) = self.held.split_first()?;
        self.held = rest;
        Some(Owner {
            process: self.processes.get(held.process as usize)?,
            fd: held.fd,
        })
    }
}

/// So many inode numbers are a block.
///
/// The kernel gives them out in a row (fs/inode.c, `get_next_ino`), so that sockets fill their
/// blocks: the table of blocks fits into a processor's cache, and a place in a block can be
/// guessed. What each look-up takes is one access to memory.
const BLOCK: u32 = 64;

/// Where this inode number begins in its block, or would.
///
/// Guessed as if all numbers were there; from the guess the search widens.
fn place(block: &[Held], inode: u32) -> usize {
    let is_before = |place: usize| block.get(place).is_some_and(|held| held.inode < inode);
    let guess = (inode % BLOCK) as usize * block.len() / BLOCK as usize;
    let (mut from, mut to) = (guess, guess);
    let mut step = 1;
    while from > 0 && !is_before(from - 1) {
        from = from.saturating_sub(step);
        step *= 2;
    }
    while is_before(to) {
        to = (to + step).min(block.len());
        step *= 2;
    }
    let near = block.get(from..to).unwrap_or_default();
    from + near.partition_point(|held| held.inode < inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_owner_is_found_however_numbers_lie() {
        let far = [
            1,
            2,
            2,
            2,
            3,
            900,
            901,
            5_000,
            5_000,
            u32::MAX - 1,
            u32::MAX,
        ];
        for inodes in [
            &far[..],
            &[7],
            &[7, 7],
            &[],
            &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ] {
            let known = inodes.iter().enumerate().map(|(fd, inode)| {
                let inode = NonZeroU32::new(*inode).unwrap();
                (inode, Process::named(1, b"x"), fd as RawFd)
            });
            let owners: Owners = known.collect();
            let asked = inodes.iter().flat_map(|n| [n - 1, *n, n.saturating_add(1)]);
            for inode in asked.filter_map(NonZeroU32::new) {
                let held = inodes.iter().filter(|n| **n == inode.get()).count();
                assert_eq!(owners.of(inode).count(), held, "{inode} of {inodes:?}");
            }
        }
    }

    #[test]
    fn who_borrows_is_no_owner() {
        let held = |inode, pid, name: &[u8]| {
            let inode = NonZeroU32::new(inode).unwrap();
            (inode, Process::named(pid, name), 4)
        };
        let owners: Owners = [
            held(3, 7, b"deadpeer"),
            held(3, 8, b"redis-server"),
            held(4, 7, b"deadpeer"),
            held(5, 9, b"nginx"),
            held(5, 10, b"nginx"),
        ]
        .into_iter()
        .collect();
        let of = |inode| {
            let of = owners.of(NonZeroU32::new(inode).unwrap());
            of.map(|owner| owner.process.pid()).collect::<Vec<_>>()
        };
        assert_eq!(of(3), [8]);
        assert_eq!(of(4), [7]);
        assert_eq!(of(5), [9, 10]);
    }

    #[test]
    fn an_unknown_inode_has_no_owner() {
        let held = |inode, pid| {
            let inode = NonZeroU32::new(inode).unwrap();
            (inode, Process::named(pid, b"x"), 4)
        };
        let owners: Owners = [held(9, 8), held(5, 7), held(5, 8), held(3, 7)]
            .into_iter()
            .collect();
        let of = |inode| {
            owners
                .of(NonZeroU32::new(inode).unwrap())
                .map(|owner| (owner.process.pid(), owner.fd))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(1), []);
        assert_eq!(of(3), [(7, 4)]);
        assert_eq!(of(4), []);
        assert_eq!(of(5), [(8, 4), (7, 4)]);
        assert_eq!(of(9), [(8, 4)]);
        assert_eq!(of(10), []);
    }
}
