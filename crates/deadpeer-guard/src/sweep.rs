//! One look at all connections of a network namespace.

use std::net::IpAddr;
use std::ops::ControlFlow;

use deadpeer_core::TcpState;
use deadpeer_host::{Connection, Query, ReadTableError, Services, States, Target};
use rustc_hash::FxHashSet;

use crate::choice::Choice;
use crate::heart::{Census, Heart, Key, ServiceId, Sighting};
use crate::ours::Ours;
use crate::realm::Realm;
use crate::services::ServiceNames;

/// What a look takes besides the namespace.
pub(crate) struct Eyes<'a> {
    pub(crate) choice: &'a Choice,
    pub(crate) ours: &'a Ours,
    pub(crate) heart: &'a Heart,
    pub(crate) services: &'a mut ServiceNames,
    pub(crate) census: &'a mut Census,
    /// Addresses of this machine: those that its connections had when it was looked at last.
    pub(crate) here: &'a FxHashSet<IpAddr>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Connections.
    pub(crate) connections: u64,
    /// Addresses of this machine.
    pub(crate) here: FxHashSet<IpAddr>,
    /// Those that have a question open, or had.
    pub(crate) asked: Vec<(Sighting, Target)>,
    /// Those that no survey has seen, with the place of their policy.
    pub(crate) fresh: Vec<(usize, u64)>,
    /// Those that one has, and are still there.
    pub(crate) surveyed: FxHashSet<u64>,
}

impl Eyes<'_> {
    /// Looks at every connection.
    pub(crate) fn look(&mut self, realm: &mut Realm) -> Result<Seen, ReadTableError> {
        let mut query = Query::default();
        query.filter.states = States::LIVE;
        (query.settings, query.tcp_info) = (false, false);
        let namespace = realm.table.namespace();
        let mut services: Services<Option<ServiceId>> =
            Services::new(realm.table.ephemeral_ports());
        let mut seen = Seen::default();
        let surveyed = &realm.surveyed;
        realm.table.each(&query, |connection| {
            let service = services.of(connection);
            if is_made(connection.socket.state) {
                let process = service.process.as_deref();
                let number = || self.services.id(process, service.role);
                let service = *service.value.get_or_insert_with(number);
                self.see(connection, namespace, service, surveyed, &mut seen);
            }
            ControlFlow::Continue(())
        })?;
        Ok(seen)
    }

    fn see(
        &mut self,
        connection: &Connection<'_>,
        namespace: u64,
        service: ServiceId,
        surveyed: &FxHashSet<u64>,
        seen: &mut Seen,
    ) {
        let socket = connection.socket;
        let owners = connection.owners().map(|owner| owner.process);
        seen.connections += 1;
        seen.here.insert(socket.local.ip());
        let peer = socket.peer.ip();
        let far = !peer.is_loopback() && peer != socket.local.ip() && !self.here.contains(&peer);
        if far {
            self.census.add(service, peer);
        }
        let Some(policy) = self.choice.policy_of(socket, owners.clone()) else {
            return;
        };
        if surveyed.contains(&socket.cookie) {
            seen.surveyed.insert(socket.cookie);
        } else if socket.inode.is_some() {
            seen.fresh.push((policy, socket.cookie));
        }
        let key = Key {
            namespace,
            cookie: socket.cookie,
        };
        let is_asked = socket.timer.is_some_and(|timer| timer.unanswered > 0);
        if is_asked || self.heart.suspects(key) {
            let sighting = Sighting {
                key,
                policy,
                service,
                peer,
                far,
                ours: self.ours.has(owners.clone()) || self.choice.is_never(socket, owners),
            };
            seen.asked.push((sighting, Target::of(connection)));
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
