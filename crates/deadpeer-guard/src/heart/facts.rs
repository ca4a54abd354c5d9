//! What the heart is told, and what it says.

use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::event::{Evidence, Mode, WhySpared};

/// A connection, now and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The number of its network namespace.
    pub namespace: u64,
    /// The number that no other socket of this boot has.
    pub cookie: u64,
}

/// A service, by a number that its caller gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u32);

/// What a policy asks of the heart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// After how long a peer that is gone is judged unreachable.
    pub deadline: Duration,
    /// Whether its connection is destroyed then.
    pub kill: Mode,
    /// So many in a minute at most.
    pub kills_per_minute: u32,
}

/// A connection whose peer has a question open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Which.
    pub key: Key,
    /// The place of its policy.
    pub policy: usize,
    /// Its service.
    pub service: ServiceId,
    /// Its peer.
    pub peer: IpAddr,
    /// Whether the peer is on another machine, as far as that shows.
    pub far: bool,
    /// Whether it is ours or otherwise never to be touched.
    pub ours: bool,
}

/// How many far peers there are, and when each was last heard.
#[derive(Debug, Clone, Default)]
pub struct Census {
    services: FxHashMap<ServiceId, u32>,
    /// How long ago, on whichever of its connections; [`Duration::MAX`]: that was not looked at.
    of_services: FxHashMap<(ServiceId, IpAddr), Duration>,
    everybody: FxHashMap<IpAddr, Duration>,
}

impl Census {
    /// Begins anew.
    pub fn clear(&mut self) {
        self.services.clear();
        self.of_services.clear();
        self.everybody.clear();
    }

    /// Takes in a connection with a far peer, which was heard on it so long ago; `None`: that was
    /// not looked at. A peer counts once for its service, and once for the machine.
    pub fn add(&mut self, service: ServiceId, peer: IpAddr, heard_ago: Option<Duration>) {
        let heard_ago = heard_ago.unwrap_or(Duration::MAX);
        match self.of_services.entry((service, peer)) {
            Entry::Occupied(mut known) => {
                if heard_ago >= *known.get() {
                    return;
                }
                known.insert(heard_ago);
            }
            Entry::Vacant(new) => {
                new.insert(heard_ago);
                *self.services.entry(service).or_default() += 1;
            }
        }
        let of_all = self.everybody.entry(peer).or_insert(heard_ago);
        *of_all = heard_ago.min(*of_all);
    }

    /// Far peers of a service; `None`: of the machine.
    #[must_use]
    pub fn peers(&self, service: Option<ServiceId>) -> u32 {
        match service {
            Some(service) => self.services.get(&service).copied().unwrap_or_default(),
            None => u32::try_from(self.everybody.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether a peer was heard within so long, on any connection of a service; `None`: of the
    /// machine.
    pub(super) fn heard(&self, service: Option<ServiceId>, peer: IpAddr, within: Duration) -> bool {
        let heard_ago = match service {
            Some(service) => self.of_services.get(&(service, peer)),
            None => self.everybody.get(&peer),
        };
        heard_ago.is_some_and(|ago| *ago <= within)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Look a last time, and destroy it if its peer has not answered; or say that it would be.
    Kill {
        /// Which.
        key: Key,
        /// Why.
        evidence: Evidence,
        /// Whether it is really done.
        mode: Mode,
    },
    /// Say that it was let live.
    Spare {
        /// Which.
        key: Key,
        /// What spoke against it.
        evidence: Evidence,
        /// What spoke for it.
        why: WhySpared,
    },
}
