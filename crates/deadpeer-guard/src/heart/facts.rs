//! What the heart is told, and what it says.

use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

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

/// How many far peers there are.
#[derive(Debug, Clone, Default)]
pub struct Census {
    services: FxHashMap<ServiceId, u32>,
    known: FxHashSet<(ServiceId, IpAddr)>,
    everybody: FxHashSet<IpAddr>,
}

impl Census {
    /// Begins anew.
    pub fn clear(&mut self) {
        self.services.clear();
        self.known.clear();
        self.everybody.clear();
    }

    /// Counts a far peer of a service, once.
    pub fn add(&mut self, service: ServiceId, peer: IpAddr) {
        if self.known.insert((service, peer)) {
            *self.services.entry(service).or_default() += 1;
            self.everybody.insert(peer);
        }
    }

    /// Far peers of a service; `None`: of the machine.
    #[must_use]
    pub fn peers(&self, service: Option<ServiceId>) -> u32 {
        match service {
            Some(service) => self.services.get(&service).copied().unwrap_or_default(),
            None => u32::try_from(self.everybody.len()).unwrap_or(u32::MAX),
        }
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
