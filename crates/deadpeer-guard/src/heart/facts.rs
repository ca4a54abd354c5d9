//! What the heart is told, and what it says.

use std::net::IpAddr;
use std::time::Duration;

use crate::event::{Evidence, Mode, PolicyName, WhySpared};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Its name.
    pub name: PolicyName,
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
