//! Looking at a program's descriptors again and again: what can be done without privilege.
//!
//! A socket is found by its descriptor, so also one that is not connected yet, and then its
//! connect() is bounded too. Listeners hand what is set on them to the connections they accept.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use deadpeer::Apply as _;
use deadpeer_core::{Effective, Snapshot, SocketOptions, TcpState};
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{Errno, SysError, pidfd};
use rustc_hash::FxHashSet;

use super::descendants::descendants;
use crate::protect::{Aim, Step};
use crate::table::{Owner, Owners};
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
    /// Sockets that have been dealt with, by inode.
    done: FxHashSet<u32>,
    next: Instant,
    counts: PollingCounts,
}

/// What polling has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
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
            done: FxHashSet::default(),
            next: now,
            counts: PollingCounts::default(),
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> PollingCounts {
        self.counts
    }

    fn meet(&mut self, owner: Owner<'_>) {
        match protect(&self.aim, owner) {
            Ok(Some(true)) => self.counts.protected += 1,
            Ok(Some(false)) => self.counts.spared += 1,
            // No TCP.
            Ok(None) => {}
            Err(error) if matches!(error.errno, Errno::PERM | Errno::ACCESS) => {
                self.counts.refused += 1;
            }
            // Closed meanwhile, or its process has ended.
            Err(_) => {}
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

    /// Protects what is new.
    fn handle_timeout(&mut self, now: Instant) -> io::Result<()> {
        if now < self.next {
            return Ok(());
        }
        let owners = Owners::scan_these(&descendants(self.root))?;
        let mut held = FxHashSet::default();
        for (inode, owner) in owners.each() {
            let fresh = held.insert(inode) && !self.done.contains(&inode);
            if fresh {
                self.meet(owner);
            }
        }
        // A number that nobody holds any more may come again.
        self.done = held;
        let took = now.elapsed();
        self.next = now + took + (took * REST).max(SHORTEST);
        Ok(())
    }
}

/// Whether something was set; `None`: it is no TCP socket.
fn protect(aim: &Aim, owner: Owner<'_>) -> Result<Option<bool>, SysError> {
    let process = pidfd::open(owner.process.pid())?;
    let socket = pidfd::descriptor(process.as_fd(), owner.fd)?;
    if sockopt::transport(&socket)? != Transport::Tcp {
        return Ok(None);
    }
    let before = sockopt::effective(&socket)?;
    let options = options(aim, &socket, &before)?;
    if options == SocketOptions::default() {
        return Ok(Some(false));
    }
    let applied = options.apply(&socket);
    Ok(Some(applied.is_ok()))
}

/// What is to be set on a socket in its present state.
fn options(aim: &Aim, socket: &OwnedFd, before: &Effective) -> Result<SocketOptions, SysError> {
    let info = deadpeer_sys::tcp_info(socket)?;
    let snapshot = Snapshot::from_info(&info);
    let mut options = match aim.step(before, &snapshot) {
        Step::Change(change) => change.options,
        Step::Fine | Step::KeptForApplication | Step::Helpless => SocketOptions::default(),
    };
    let not_connected = matches!(info.state, Some(TcpState::Close | TcpState::SynSent));
    let planned = aim.plan().options().syncnt;
    if not_connected && planned.is_some() && planned < before.syncnt {
        options.syncnt = planned;
    }
    Ok(options)
}
