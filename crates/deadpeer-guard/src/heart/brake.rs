//! The brake: if many fall silent at once, it may well be us.

use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{Census, Key, ServiceId};
use super::holds::Hold;
use super::suspect::Suspect;
use crate::config;
use crate::readings::HoldReason;

/// Far peers that are silent.
#[derive(Debug, Default)]
pub(super) struct Silent {
    services: FxHashMap<ServiceId, FxHashSet<IpAddr>>,
    everybody: FxHashSet<IpAddr>,
}

impl Silent {
    /// A peer counts for its service, and for the machine, if it fell silent within the last
    /// deadline; where the brake `holds` already, whenever that was.
    pub(super) fn count(
        now: Duration,
        suspects: &FxHashMap<Key, Suspect>,
        holds: impl Fn(Option<ServiceId>) -> bool,
    ) -> Self {
        let mut silent = Self::default();
        let machine_held = holds(None);
        let mut held: FxHashMap<ServiceId, bool> = FxHashMap::default();
        for suspect in suspects.values().filter(|suspect| suspect.counts()) {
            let just_now = suspect.fell + suspect.deadline() >= now;
            if just_now || machine_held {
                silent.everybody.insert(suspect.peer);
            }
            let service = suspect.service;
            if just_now || *held.entry(service).or_insert_with(|| holds(Some(service))) {
                silent
                    .services
                    .entry(service)
                    .or_default()
                    .insert(suspect.peer);
            }
        }
        silent
    }

    /// What must hold because too many fell silent.
    pub(super) fn holding(&self, brake: &config::Brake, census: &Census) -> Vec<Hold> {
        let too_many = |silent: &FxHashSet<IpAddr>, service: Option<ServiceId>| {
            let all = f64::from(census.peers(service).max(1));
            silent.len() >= brake.peers as usize && silent.len() as f64 > brake.share * all
        };
        let machine = too_many(&self.everybody, None).then_some(None);
        let services = self.services.iter();
        let services = services.filter(|(service, silent)| too_many(silent, Some(**service)));
        let services = services.map(|(service, _)| Some(*service));
        machine
            .into_iter()
            .chain(services)
            .map(|service| Hold::new(HoldReason::ManySilent, service))
            .collect()
    }
}
