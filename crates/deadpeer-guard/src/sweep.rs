//! One look at all connections of a network namespace.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_core::{Effective, TcpState};
use deadpeer_host::{
    Connection, Coverage, Query, ReadTableError, Services, Shared, Socket, States, Table, Target,
};
use deadpeer_sys::clock;
use rustc_hash::FxHashSet;

use crate::choice::Choice;
use crate::config::Policy;
use crate::event::Mode;
use crate::heart::{Census, Heart, Key, ServiceId, Sighting};
use crate::ours::Ours;
use crate::protection::Protections;
use crate::readings::ServiceReading;
use crate::realm::Realm;
use crate::services::ServiceNames;
use crate::silences::Survived;

/// What a look takes besides the namespace.
pub(crate) struct Eyes<'a> {
    pub(crate) policies: &'a [Policy],
    pub(crate) choice: &'a Choice,
    pub(crate) ours: &'a Ours,
    /// Whether we have the right to.
    pub(crate) can_destroy: bool,
    pub(crate) heart: &'a Heart,
    pub(crate) services: &'a mut ServiceNames,
    pub(crate) census: &'a mut Census,
    /// Whether settings are read this time.
    pub(crate) settings: bool,
    /// How services are protected; `None`: settings are not judged this time.
    pub(crate) protected: Option<&'a mut Vec<ServiceReading>>,
    /// Far peers that are looked for together.
    pub(crate) far: Vec<Far>,
}

/// A connection with a peer on another machine.
pub(crate) struct Far {
    service: ServiceId,
    peer: IpAddr,
    cookie: u64,
    heard_ago: Option<Duration>,
    /// Whether it is one of those that the brake counts.
    counts: bool,
}

/// So many are looked for in one go. Where they are very many, each look waits for memory; some at
/// once wait together.
const AT_ONCE: usize = 64;

/// What was seen of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Its number.
    pub(crate) namespace: u64,
    /// Connections.
    pub(crate) connections: u64,
    /// Its addresses.
    pub(crate) here: FxHashSet<IpAddr>,
    /// Those that have a question open, or had.
    pub(crate) asked: Vec<(Sighting, Target)>,
    /// Those that no survey has seen and whose policy sets options, with its place.
    pub(crate) fresh: Vec<(usize, u64)>,
    /// Those that one has, and are still there.
    pub(crate) surveyed: FxHashSet<u64>,
    /// Peers that were silent, and no longer are.
    pub(crate) survived: Vec<Survived>,
}

impl Eyes<'_> {
    /// What is read of each connection.
    pub(crate) fn query(&self) -> Query {
        let mut query = Query::default();
        query.filter.states = States::LIVE;
        let settings = self.settings;
        (query.settings, query.tcp_info, query.forecast_only) = (settings, settings, true);
        query
    }

    /// Looks at every connection of a namespace.
    pub(crate) fn read(
        &mut self,
        realm: &mut Realm,
        table: &mut Table,
        shared: &mut Shared,
    ) -> Result<(Seen, Coverage), ReadTableError> {
        let mut services: Services<Option<ServiceId>> = Services::new(table.ephemeral_ports());
        let mut protections = Protections::of(table);
        let mut seen = Seen {
            namespace: realm.number(),
            ..Seen::default()
        };
        if self.settings {
            realm.silences.begin(clock::boottime());
        }
        let coverage = table.each_sharing(shared, &self.query(), |connection| {
            let service = services.of(connection);
            if is_made(connection.socket.state) {
                let (process, role) = (service.process.as_deref(), service.role);
                let number = || self.services.id(realm.number(), process, role);
                let id = *service.value.get_or_insert_with(number);
                let listener = service.listener.as_ref();
                self.see(connection, realm, id, listener, &mut protections, &mut seen);
            }
            ControlFlow::Continue(())
        })?;
        self.take_in(realm, &mut seen);
        if let Some(protected) = &mut self.protected {
            protections.end(self.services, protected);
        }
        Ok((seen, coverage))
    }

    /// Looks for far peers among those that are known.
    fn take_in(&mut self, realm: &mut Realm, seen: &mut Seen) {
        for far in self.far.iter().filter(|far| far.counts) {
            self.census.add(far.service, far.peer, far.heard_ago);
        }
        for far in self.far.drain(..) {
            let broken = (far.heard_ago).and_then(|ago| realm.silences.see(far.cookie, ago));
            let peer = far.peer;
            let survived = broken.map(|silence| Survived { peer, silence });
            seen.survived.extend(survived);
        }
    }

    fn see(
        &mut self,
        connection: &Connection<'_>,
        realm: &mut Realm,
        service: ServiceId,
        listener: Option<&Effective>,
        protections: &mut Protections,
        seen: &mut Seen,
    ) {
        let socket = connection.socket;
        seen.connections += 1;
        seen.here.insert(socket.local.ip());
        let peer = socket.peer.ip();
        let far = !peer.is_loopback() && peer != socket.local.ip() && !realm.here.contains(&peer);
        let snapshot = self.settings.then(|| {
            let info = connection.tcp_info();
            connection.snapshot(info.as_ref())
        });
        let key = Key {
            namespace: seen.namespace,
            cookie: socket.cookie,
        };
        let is_asked = socket.timer.is_some_and(|timer| timer.unanswered > 0);
        let heard_ago = snapshot.and_then(|snapshot| snapshot.heard_ago);
        if far {
            self.far.push(Far {
                service,
                peer,
                cookie: socket.cookie,
                heard_ago,
                counts: !(is_asked && self.heart.has_told(key)),
            });
        }
        if self.far.len() == AT_ONCE {
            self.take_in(realm, seen);
        }
        let owners = connection.owners().map(|owner| owner.process);
        let unclosed = connection.is_unclosed();
        let place = (self.choice).policy_of(Some(seen.namespace), socket, unclosed, owners);
        let Some((place, policy)) = place.and_then(|it| Some((it, self.policies.get(it)?))) else {
            return;
        };
        if policy.sets().is_some() {
            seen.set_later(realm, place, socket);
        }
        if let Some(snapshot) = snapshot.as_ref().filter(|_| self.protected.is_some()) {
            match self.supervises(realm, policy, socket.cookie) {
                true => protections.supervised(service),
                false => {
                    let within = policy.deadline();
                    protections.add(service, connection, snapshot, listener, within);
                }
            }
        }
        if is_asked || self.heart.suspects(key) {
            let sighting = Sighting {
                key,
                policy: place,
                service,
                peer,
                far,
                ours: self.is_ours(connection),
            };
            seen.asked.push((sighting, Target::of(connection)));
        }
    }

    /// Whether we have the kernel ask, and would destroy it if a policy says so.
    fn supervises(&self, realm: &Realm, policy: &Policy, cookie: u64) -> bool {
        let judges = self.can_destroy || policy.kill != Mode::Enforce;
        judges && policy.supervise == Mode::Enforce && realm.changed.contains(&cookie)
    }

    fn is_ours(&self, connection: &Connection<'_>) -> bool {
        let owners = connection.owners().map(|owner| owner.process);
        let (socket, unclosed) = (connection.socket, connection.is_unclosed());
        self.ours.has(owners.clone()) || self.choice.is_never(socket, unclosed, owners)
    }
}

impl Seen {
    /// Takes in one whose policy sets options. What has no inode is no program's.
    fn set_later(&mut self, realm: &Realm, policy: usize, socket: &Socket<'_>) {
        if realm.surveyed.contains(&socket.cookie) {
            self.surveyed.insert(socket.cookie);
        } else if socket.inode.is_some() {
            self.fresh.push((policy, socket.cookie));
        }
    }
}

/// Whether the peer has once answered: a connection that is being made is the kernel's affair.
fn is_made(state: TcpState) -> bool {
    matches!(
        state,
        TcpState::Established
            | TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::CloseWait
            | TcpState::LastAck
            | TcpState::Closing
    )
}
