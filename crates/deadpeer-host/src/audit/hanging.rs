//! What hangs now: connections that wait for their peer, or for their own program, by service and
//! peer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deadpeer_core::Notice;
use deadpeer_core::forecast::Awaited;
use rustc_hash::FxHashMap;

use super::connection::Judgement;
use crate::table::{Connection, Netns, Role, Service};
use crate::workload::Workload;

/// What a hanging connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Something of its peer.
    Peer(Awaited),
    /// Its own program, which has not read what came.
    Program,
}

impl Wait {
    /// A word for it, as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peer(awaited) => awaited.name(),
            Self::Program => "program",
        }
    }
}

/// Connections of one service that wait for the same of the same peer.
#[derive(Debug, Clone)]
pub struct Hanging {
    /// Their network namespace, where that was told.
    pub netns: Option<Arc<Netns>>,
    /// What their processes belong to.
    pub workload: Option<Arc<Workload>>,
    /// The name of their processes, bytes as they chose them; `None`: not visible.
    pub process: Option<Box<[u8]>>,
    /// What they are to it.
    pub role: Role,
    /// The peer's address; `None`: there are too many to tell apart.
    pub peer: Option<IpAddr>,
    /// What they wait for.
    pub wait: Wait,
    /// How many there are.
    pub count: u64,
    /// How long the one that waits longest does, at least.
    pub longest: Duration,
    /// When the last of them ends, its peer being gone; `None`: not known of all, or the kernel
    /// waits for none of them.
    pub last_ends: Option<Notice>,
    /// Bytes that the program has not read.
    pub unread_bytes: u64,
}

/// Groups while they are collected.
#[derive(Debug, Default)]
pub(super) struct Hung {
    groups: FxHashMap<Key, Hanging>,
}

type Key = (
    Option<Box<[u8]>>,
    Option<Arc<Workload>>,
    Role,
    Option<IpAddr>,
    Wait,
);

/// As many groups as a person looks at, and more than a megabyte does not hold: where more peers
/// hang, those that come later are one group.
const MOST: usize = 1_000;

impl Hung {
    /// Adds a connection that a process holds.
    pub(super) fn add<T>(
        &mut self,
        connection: &Connection<'_>,
        service: &Service<T>,
        judged: &Judgement,
    ) {
        if connection.socket.inode.is_none() {
            return;
        }
        if let Some(waiting) = judged.waiting {
            let wait = Wait::Peer(waiting.awaited);
            // A peer whose kernel answers is ended by a user timeout alone.
            let options = judged.basis.options();
            let limited = options.is_some_and(|options| options.user_timeout_ms.is_some());
            let counts = waiting.awaited.is_unanswered() || limited;
            let ends = judged.ends.filter(|_| counts);
            self.count(connection, service, wait, waiting.since, ends, 0);
        }
        if let Some(unread) = judged.unread {
            let bytes = unread.bytes.into();
            self.count(
                connection,
                service,
                Wait::Program,
                unread.since,
                None,
                bytes,
            );
        }
    }

    fn count<T>(
        &mut self,
        connection: &Connection<'_>,
        service: &Service<T>,
        wait: Wait,
        since: Duration,
        ends: Option<Notice>,
        unread_bytes: u64,
    ) {
        let process = connection.owner().map(|owner| owner.process.name().into());
        let peer = Some(connection.socket.peer.ip());
        let role = service.role;
        let key = (process, service.workload.clone(), role, peer, wait);
        let key = match self.groups.len() >= MOST && !self.groups.contains_key(&key) {
            true => (key.0, key.1, role, None, wait),
            false => key,
        };
        let new = Hanging {
            netns: None,
            workload: key.1.clone(),
            process: key.0.clone(),
            role,
            peer: key.3,
            wait,
            count: 0,
            longest: Duration::ZERO,
            last_ends: ends,
            unread_bytes: 0,
        };
        let group = self.groups.entry(key).or_insert(new);
        group.count += 1;
        group.longest = group.longest.max(since);
        group.last_ends = group
            .last_ends
            .zip(ends)
            .map(|(one, other)| one.later_of(other));
        group.unread_bytes += unread_bytes;
    }

    pub(super) fn into_groups(self) -> impl Iterator<Item = Hanging> {
        self.groups.into_values()
    }
}

/// What has waited longest first.
pub(super) fn sort(groups: &mut [Hanging]) {
    groups.sort_by(|a, b| {
        let by_wait = b.longest.cmp(&a.longest);
        by_wait.then_with(|| (&a.process, a.role, a.peer).cmp(&(&b.process, b.role, b.peer)))
    });
}
