//! Connections by service: who talks, and on which listening address or to which port.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use deadpeer_core::{Effective, TcpState};
use deadpeer_sys::sock_diag::{Family, Socket};
use rustc_hash::FxHashMap;

use super::connection::Connection;
use super::netns::Netns;
use crate::process::Process;
use crate::workload::Workload;

/// Services by process name and role, each with a value that its connections are folded into.
///
/// Needs the listeners before the connections, as [`Table::each`](crate::Table::each) shows them.
/// Keeps nothing of a single connection.
#[derive(Debug)]
pub struct Services<T> {
    ephemeral_ports: RangeInclusive<u16>,
    names: FxHashMap<Box<[u8]>, Name>,
    listeners: FxHashMap<u16, Vec<Listener>>,
    homes: Homes,
    places: FxHashMap<(Option<Name>, Option<Home>, Role), usize>,
    services: Vec<Service<T>>,
}

/// One service: the connections of the processes with one name that play one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service<T> {
    /// The name of the processes, bytes as they chose them; `None` if no owner is visible.
    pub process: Option<Box<[u8]>>,
    /// The network namespace of its connections, where that was told.
    pub netns: Option<Arc<Netns>>,
    /// What the processes belong to, as that of the first: they share the container, and may be of
    /// different units.
    pub workload: Option<Arc<Workload>>,
    /// What its connections are to it.
    pub role: Role,
    /// The options of its listener, if it has one that was shown and could be read.
    pub listener: Option<Effective>,
    /// What the connections add up to.
    pub value: T,
}

/// What a connection is to the process that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A listener with this address, or accepted from it.
    Listening(SocketAddr),
    /// Accepted on this port; its listener is gone, or was not shown.
    Accepted(u16),
    /// Made to this port of whatever peer.
    Outgoing(u16),
}

impl Role {
    /// The listening port, or that of the peers.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Listening(address) => address.port(),
            Self::Accepted(port) | Self::Outgoing(port) => port,
        }
    }

    /// The listening address of a service that has one.
    #[must_use]
    pub fn listening(self) -> Option<SocketAddr> {
        match self {
            Self::Listening(address) => Some(address),
            Self::Accepted(_) | Self::Outgoing(_) => None,
        }
    }
}

/// A process name, seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(u32);

#[derive(Debug, Clone, Copy)]
struct Listener {
    family: Family,
    address: SocketAddr,
    process: Option<Name>,
    home: Option<Home>,
    settings: Option<Effective>,
}

/// A container, seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Home(u32);

/// The containers of processes, those outside of any being nobody's.
#[derive(Debug, Default)]
struct Homes {
    /// Connections of one process come in a row more often than not.
    last: Option<(u32, Option<Home>)>,
    known: Vec<Arc<Workload>>,
    numbers: FxHashMap<Arc<Workload>, Home>,
}

impl Homes {
    fn of(&mut self, process: &Process) -> Option<Home> {
        let pid = process.pid();
        if let Some((_, home)) = self.last.filter(|(last, _)| *last == pid) {
            return home;
        }
        let contained = process.workload().filter(|it| it.is_contained());
        let home = contained.map(|workload| self.number(workload));
        self.last = Some((pid, home));
        home
    }

    fn number(&mut self, workload: &Arc<Workload>) -> Home {
        if let Some(home) = self.numbers.get(workload) {
            return *home;
        }
        let home = Home(self.known.len() as u32);
        self.known.push(Arc::clone(workload));
        self.numbers.insert(Arc::clone(workload), home);
        home
    }
}

impl<T: Default> Services<T> {
    /// No services yet. `ephemeral_ports` are the namespace's
    /// ([`Table::ephemeral_ports`](crate::Table::ephemeral_ports)): they tell who called whom where
    /// the listener is gone.
    #[must_use]
    pub fn new(ephemeral_ports: RangeInclusive<u16>) -> Self {
        Self {
            ephemeral_ports,
            names: FxHashMap::default(),
            homes: Homes::default(),
            listeners: FxHashMap::default(),
            places: FxHashMap::default(),
            services: Vec::new(),
        }
    }

    /// The service of a connection. A listener is remembered for the connections to come.
    pub fn of(&mut self, connection: &Connection<'_>) -> &mut Service<T> {
        let socket = connection.socket;
        let owner = connection.owner();
        let process = owner.map(|owner| self.name(owner.process.name()));
        let home = owner.and_then(|owner| self.homes.of(owner.process));
        if socket.state == TcpState::Listen {
            let listeners = self.listeners.entry(socket.local.port()).or_default();
            listeners.push(Listener {
                family: socket.family,
                address: socket.local,
                process,
                home,
                settings: connection.settings.effective().copied(),
            });
        }
        let listener = self.listener_of(socket, process);
        // A connection in the queue has no owner yet, one that was closed none any more.
        let home = match process {
            Some(_) => home,
            None => listener.and_then(|listener| listener.home),
        };
        let process = process.or_else(|| listener?.process);
        let role = self.role(socket, listener);
        let settings = listener.and_then(|listener| listener.settings);
        let place = self.place((process, home, role), || {
            // Who is in no container has a unit, perhaps.
            let own = || Some(Arc::clone(owner?.process.workload()?));
            (settings, own())
        });
        &mut self.services[place]
    }

    /// The services, in the order in which they were first met.
    #[must_use]
    pub fn into_vec(self) -> Vec<Service<T>> {
        self.services
    }

    fn place(
        &mut self,
        key: (Option<Name>, Option<Home>, Role),
        first: impl FnOnce() -> (Option<Effective>, Option<Arc<Workload>>),
    ) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.services.len();
        self.places.insert(key, place);
        let (process, home, role) = key;
        let (listener, workload) = first();
        let contained = home.and_then(|Home(home)| self.homes.known.get(home as usize));
        self.services.push(Service {
            process: process.and_then(|name| self.bytes(name)),
            netns: None,
            workload: contained.cloned().or(workload),
            role,
            listener,
            value: T::default(),
        });
        place
    }

    fn name(&mut self, bytes: &[u8]) -> Name {
        if let Some(name) = self.names.get(bytes) {
            return *name;
        }
        let name = Name(self.names.len() as u32);
        self.names.insert(bytes.into(), name);
        name
    }

    /// Looked up when a service is first met, which is rare.
    fn bytes(&self, name: Name) -> Option<Box<[u8]>> {
        let mut names = self.names.iter();
        names.find_map(|(bytes, candidate)| (*candidate == name).then(|| bytes.clone()))
    }

    /// The listener that accepted a socket: the one with its very address before one with any, then
    /// one of the same process. It has the same family: an IPv4 connection of an IPv6 listener is
    /// an IPv6 socket.
    fn listener_of(&self, socket: &Socket<'_>, process: Option<Name>) -> Option<Listener> {
        if socket.state == TcpState::SynSent {
            return None;
        }
        let local = socket.local;
        let listeners = self.listeners.get(&local.port())?;
        listeners
            .iter()
            .filter(|listener| listener.family == socket.family)
            .filter(|listener| {
                listener.address.ip() == local.ip() || listener.address.ip().is_unspecified()
            })
            .max_by_key(|listener| {
                let exact = listener.address.ip() == local.ip();
                (exact, process.is_some() && listener.process == process)
            })
            .copied()
    }

    fn role(&self, socket: &Socket<'_>, listener: Option<Listener>) -> Role {
        if let Some(listener) = listener {
            return Role::Listening(listener.address);
        }
        let (local, peer) = (socket.local.port(), socket.peer.port());
        let called_us =
            !self.ephemeral_ports.contains(&local) && self.ephemeral_ports.contains(&peer);
        match socket.state == TcpState::SynRecv || called_us && socket.state != TcpState::SynSent {
            true => Role::Accepted(local),
            false => Role::Outgoing(peer),
        }
    }
}

#[cfg(test)]
mod tests;
