//! What is still there of what was recorded.

use std::ops::ControlFlow;

use deadpeer_sys::netns;
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use rustc_hash::{FxHashMap, FxHashSet};

use super::file::UndoFile;
use crate::table::{AllNetns, Namespace};

/// What is still there of what an undo file knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing: the machine was started again since.
    EarlierBoot,
    /// Nothing: no process, no mount and no socket shows its network namespace.
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
        let of_now = files.iter().map(UndoFile::record);
        let of_now = of_now.filter(|record| record.boot_id == boot);
        let all = AllNetns::find_with(of_now.map(|record| record.network_namespace));
        let mut sockets: FxHashMap<u64, Option<FxHashSet<u64>>> = FxHashMap::default();
        let left = |file: &UndoFile| {
            let record = file.record();
            let number = record.network_namespace;
            if record.boot_id != boot {
                return Self::EarlierBoot;
            }
            let Some(netns) = all.of(number) else {
                return match all.hidden.is_empty() {
                    true => Self::NamespaceGone,
                    false => Self::Unknown,
                };
            };
            let there = sockets
                .entry(number)
                .or_insert_with(|| cookies(&netns.way, number));
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

/// Of every socket of a namespace; `None`: they can't be seen.
fn cookies(place: &Namespace, number: u64) -> Option<FxHashSet<u64>> {
    let read = || {
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
    place.run(read).ok()?
}
