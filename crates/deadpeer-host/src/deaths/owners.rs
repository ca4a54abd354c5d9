//! Who had a connection that is gone: descriptors, listeners and names, read now and then and
//! remembered.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{DumpError, Request, SockDiag, States};
use rustc_hash::FxHashMap;

use super::death::{KnownBy, LastOwner};
use crate::process::Process;
use crate::table::{OpenTableError, Owners, ReadTableError, Role, Scope, Tables};

/// Names are forgotten at this many, for processes end and their numbers come again.
const MAX_NAMES: usize = 10_000;

/// Reading `/proc` takes at most this part of our time: one look costs as many times its own
/// duration of rest.
const REST: u32 = 20;

/// Processes and listeners of one network namespace.
#[derive(Debug)]
pub(super) struct LastOwners {
    diag: SockDiag,
    owners: Owners,
    /// By the namespace, if there are several, and the port.
    listeners: Listeners,
    everywhere: bool,
    ephemeral_ports: RangeInclusive<u16>,
    names: FxHashMap<u32, Named>,
    next_check: Instant,
}

type Listeners = FxHashMap<(Option<u64>, u16), Vec<Listener>>;

#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    inode: Option<NonZeroU32>,
}

/// A process, and what it called itself when we were told of it.
#[derive(Debug)]
struct Named {
    process: Arc<Process>,
    comm: Box<[u8]>,
}

impl LastOwners {
    /// Reads everything once, of this namespace or of all.
    pub(super) fn open(everywhere: bool) -> Result<Self, super::OpenDeathsError> {
        let mut owners = Self {
            diag: SockDiag::open()?,
            owners: Owners::default(),
            listeners: FxHashMap::default(),
            everywhere,
            ephemeral_ports: crate::table::ports::ephemeral().map_err(OpenTableError::Ports)?,
            names: FxHashMap::default(),
            next_check: Instant::now(),
        };
        owners.read().map_err(ReadTableError::Dump)?;
        Ok(owners)
    }

    pub(super) fn unreadable_processes(&self) -> usize {
        self.owners.unreadable().len()
    }

    pub(super) fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Reads `/proc` and the listeners again, unless that was done a moment ago.
    pub(super) fn refresh(&mut self) -> Result<(), DumpError> {
        match Instant::now() >= self.next_check {
            true => self.read(),
            false => Ok(()),
        }
    }

    /// Doesn't look again for so long at least.
    pub(super) fn rest(&mut self, time: Duration) {
        self.next_check = self.next_check.max(Instant::now() + time);
    }

    fn read(&mut self) -> Result<(), DumpError> {
        let start = Instant::now();
        if let Ok(owners) = Owners::scan() {
            self.owners = owners;
            self.read_names();
        }
        let mut listeners = Listeners::default();
        if self.everywhere
            && let Ok(mut tables) = Tables::open(&Scope::All)
        {
            for (netns, diag) in tables.diags() {
                listen(diag, Some(netns.number), &mut listeners)?;
            }
        } else {
            listen(&mut self.diag, None, &mut listeners)?;
        }
        self.listeners = listeners;
        let cost = start.elapsed();
        self.next_check = Instant::now() + (cost * REST).max(Duration::from_millis(20));
        Ok(())
    }

    /// Of every process now: one that ends with its connection, as a database's session does, has
    /// none any more when its death is told.
    fn read_names(&self) {
        for process in self.owners.processes() {
            let _ = process.name();
            if self.everywhere {
                let _ = process.workload();
            }
        }
    }

    /// What a connection between these ports was to its owner.
    pub(super) fn role(
        &self,
        netns: Option<u64>,
        state: Option<TcpState>,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Role {
        if state == Some(TcpState::SynSent) {
            return Role::Outgoing(peer.port());
        }
        if let Some(listener) = self.listener(netns, local) {
            return Role::Listening(listener.address);
        }
        let ours = self.ephemeral_ports.contains(&local.port());
        match !ours && self.ephemeral_ports.contains(&peer.port()) {
            true => Role::Accepted(local.port()),
            false => Role::Outgoing(peer.port()),
        }
    }

    /// Whether we connected, not accepted, where that can be told: by a listener, or because only
    /// one port is one that the kernel gives to those who connect.
    pub(super) fn connected(
        &self,
        netns: Option<u64>,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Option<bool> {
        if self.listener(netns, local).is_some() {
            return Some(false);
        }
        let given = |end: SocketAddr| self.ephemeral_ports.contains(&end.port());
        (given(local) != given(peer)).then(|| given(local))
    }

    /// The one with the very address before one with any.
    fn listener(&self, netns: Option<u64>, local: SocketAddr) -> Option<&Listener> {
        let listeners = self.listeners.get(&(netns, local.port()))?;
        let exact = listeners.iter().find(|one| one.address.ip() == local.ip());
        exact.or_else(|| {
            listeners
                .iter()
                .find(|one| one.address.ip().is_unspecified())
        })
    }

    /// Whether somebody held the file with this number when we last looked.
    pub(super) fn knows(&self, inode: NonZeroU32) -> bool {
        self.owners.of(inode).next().is_some()
    }

    /// The process that holds the file with this number.
    pub(super) fn holder(&mut self, inode: NonZeroU32) -> Option<LastOwner> {
        let process = self.owners.of(inode).next()?.process;
        let (pid, known) = (process.pid(), process.clone());
        let process = match self.names.get(&pid) {
            Some(named) => Arc::clone(&named.process),
            None => {
                // It may have become another program since.
                let known = known.with_its_names_now();
                let comm = known.comm().to_vec();
                self.remember(pid, known, &comm)
            }
        };
        Some(LastOwner {
            process,
            known_by: KnownBy::Holding,
        })
    }

    /// The process that listens where a connection with this role came in.
    pub(super) fn listening(
        &mut self,
        netns: Option<u64>,
        role: Role,
        local: SocketAddr,
    ) -> Option<LastOwner> {
        let Role::Listening(_) = role else {
            return None;
        };
        let inode = self.listener(netns, local)?.inode?;
        let owner = self.holder(inode)?;
        Some(LastOwner {
            known_by: KnownBy::Listening,
            ..owner
        })
    }

    /// The process with this number that did something to a connection and called itself `comm`
    /// then.
    pub(super) fn actor(&mut self, pid: u32, comm: &[u8]) -> Arc<Process> {
        let known = self.names.get(&pid);
        if let Some(named) = known.filter(|named| *named.comm == *comm) {
            return Arc::clone(&named.process);
        }
        let process = Process::new(pid, None, Arc::default());
        // Ended already: what the kernel called it is all there is. A thread may have a name of its
        // own.
        let process = match process.name().is_empty() {
            true => Process::named(pid, comm),
            false => process,
        };
        self.remember(pid, process, comm)
    }

    fn remember(&mut self, pid: u32, process: Process, comm: &[u8]) -> Arc<Process> {
        let process = Arc::new(process);
        if self.everywhere {
            // Once it has ended, nothing tells.
            let _ = process.workload();
        }
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        let named = Named {
            process: Arc::clone(&process),
            comm: comm.into(),
        };
        self.names.insert(pid, named);
        process
    }
}

/// Adds the listeners of a namespace.
fn listen(
    diag: &mut SockDiag,
    netns: Option<u64>,
    listeners: &mut Listeners,
) -> Result<(), DumpError> {
    let request = Request {
        states: [TcpState::Listen].into_iter().collect::<States>(),
        tcp_info: false,
    };
    diag.dump(request, |socket| {
        let same_port = listeners.entry((netns, socket.local.port())).or_default();
        same_port.push(Listener {
            address: socket.local,
            inode: socket.inode,
        });
        ControlFlow::Continue(())
    })?;
    Ok(())
}
