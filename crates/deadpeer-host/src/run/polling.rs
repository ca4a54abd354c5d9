//! Looking at a program's descriptors again and again: what can be done without privilege.
//!
//! A socket is found by its descriptor, so also one that is not connected yet, and then its
//! connect() is bounded too. Listeners hand what is set on them to the connections they accept.

use std::collections::hash_map::Entry;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use deadpeer::Apply as _;
use deadpeer_core::{Effective, Snapshot, SocketOptions, TcpState};
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{Errno, SysError, pidfd};
use rustc_hash::FxHashMap;

use super::descendants::descendants;
use crate::protect::{Aim, Step};
use crate::table::fd_borrower::has_inode;
use crate::table::{Namespace, Owner, Owners};
use crate::work::Work;

/// A look is followed by a rest of so many times its own duration.
const REST: u32 = 20;
/// But at least this.
const SHORTEST: Duration = Duration::from_millis(10);

/// Protects the sockets of a process and its descendants as it finds them.
#[derive(Debug)]
pub struct PollingProtector {
    aim: Aim,
    root: u32,
    /// Sockets that have been dealt with, by inode, and what was in force then.
    known: FxHashMap<u32, Option<Effective>>,
    next: Instant,
    counts: PollingCounts,
}

/// What polling has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PollingCounts {
    /// Sockets on which something was set.
    pub protected: u64,
    /// Those that kept the deadline by themselves, or whose own choice was to be left.
    pub spared: u64,
    /// Those that may not be reached.
    pub refused: u64,
}

impl PollingProtector {
    /// Begins to follow the process with this number, which must be one that we may trace: a child
    /// of ours that has not changed its user.
    #[must_use]
    pub fn new(aim: Aim, root: u32, now: Instant) -> Self {
        Self {
            aim,
            root,
            known: FxHashMap::default(),
            next: now,
            counts: PollingCounts::default(),
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> PollingCounts {
        self.counts
    }

    /// Looks at a socket, for the first time or again: its program may have set something since.
    /// Returns what is in force afterwards.
    fn meet(&mut self, inode: u32, owner: Owner<'_>) -> Option<Effective> {
        let before = self.known.get(&inode);
        let is_new = before.is_none();
        let met = protect(&self.aim, inode, owner, before.copied().flatten());
        let counts = &mut self.counts;
        let count = match &met {
            Ok(Met::Changed(_)) => Some(&mut counts.protected),
            Ok(Met::Left(_)) => Some(&mut counts.spared),
            Err(error) if matches!(error.errno, Errno::PERM | Errno::ACCESS) => {
                Some(&mut counts.refused)
            }
            // No TCP, or closed meanwhile, or its process has ended.
            Ok(Met::NoTcp) | Err(_) => None,
        };
        if let Some(count) = count.filter(|_| is_new) {
            *count += 1;
        }
        match met {
            Ok(Met::Changed(now) | Met::Left(now)) => Some(now),
            Ok(Met::NoTcp) | Err(_) => None,
        }
    }
}

impl Work for PollingProtector {
    /// `/proc` cannot be read.
    type Error = io::Error;

    /// Never done. Looks take at most a twentieth of a processor's time.
    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }

    /// Protects what is new, and what its program has changed since.
    fn handle_timeout(&mut self, now: Instant) -> io::Result<()> {
        if now < self.next {
            return Ok(());
        }
        let owners = Owners::scan_these(&descendants(self.root))?;
        let alone = Namespace::Own.lock();
        if matches!(alone, Ok(None)) {
            // Another changes sockets now.
            self.next = now + SHORTEST;
            return Ok(());
        }
        let mut held = FxHashMap::default();
        for (inode, owner) in owners.each() {
            if let Entry::Vacant(place) = held.entry(inode) {
                place.insert(self.meet(inode, owner));
            }
        }
        // A number that nobody holds any more may come again.
        self.known = held;
        let took = now.elapsed();
        self.next = now + took + (took * REST).max(SHORTEST);
        Ok(())
    }
}

/// What became of a socket, and what is in force on it.
enum Met {
    Changed(Effective),
    Left(Effective),
    NoTcp,
}

fn protect(
    aim: &Aim,
    inode: u32,
    owner: Owner<'_>,
    known: Option<Effective>,
) -> Result<Met, SysError> {
    let process = pidfd::open(owner.process.pid())?;
    let socket = pidfd::descriptor(process.as_fd(), owner.fd)?;
    // By now the number may be another process', or the descriptor another socket.
    let same = has_inode(&socket, inode);
    if !same || sockopt::transport(&socket)? != Transport::Tcp {
        return Ok(Met::NoTcp);
    }
    let before = sockopt::effective(&socket)?;
    if known == Some(before) {
        return Ok(Met::Left(before));
    }
    let options = options(aim, &socket, &before)?;
    if options == SocketOptions::default() || options.apply(&socket).is_err() {
        return Ok(Met::Left(before));
    }
    Ok(Met::Changed(sockopt::effective(&socket)?))
}

/// What is to be set on a socket in its present state.
pub(super) fn options(
    aim: &Aim,
    socket: impl AsFd,
    before: &Effective,
) -> Result<SocketOptions, SysError> {
    let info = deadpeer_sys::tcp_info(socket)?;
    let snapshot = Snapshot::from_info(&info);
    let mut options = match aim.step(before, &snapshot) {
        Step::Change(change) => change.options,
        Step::Fine | Step::KeptForApplication | Step::Helpless | Step::Overwritten => {
            SocketOptions::default()
        }
    };
    let not_connected = matches!(info.state, Some(TcpState::Close | TcpState::SynSent));
    let planned = aim.plan().options().syncnt;
    if not_connected && planned.is_some() && planned < before.syncnt {
        options.syncnt = planned;
    }
    Ok(options)
}
