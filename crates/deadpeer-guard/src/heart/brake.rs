//! The brake: if many fall silent at once, it may well be us.

use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::census::Census;
use super::facts::{Key, ServiceId};
use super::holds::{Hold, Whom};
use super::suspect::Suspect;
use crate::config;
use crate::readings::HoldReason;

/// Who was heard within this part of the deadline is there. A peer that has just been cut off was
/// heard before it left the first question unanswered, and until enough of them have convinced
/// anybody more time has passed.
const LATELY: u32 = 4;

/// Far peers that are silent.
#[derive(Debug, Default)]
pub(super) struct Silent {
    services: FxHashMap<ServiceId, FxHashSet<IpAddr>>,
    everybody: FxHashSet<IpAddr>,
}

impl Silent {
    /// A peer counts for its service, and for the machine, if it fell silent within the last
    /// deadline; where the brake `holds` already, whenever that was. One that was heard a moment
    /// ago on another connection is not silent: what is wrong with this one is not us.
    pub(super) fn count(
        now: Duration,
        suspects: &FxHashMap<Key, Suspect>,
        census: &Census,
        holds: impl Fn(Option<ServiceId>) -> bool,
    ) -> Self {
        let mut silent = Self::default();
        let machine_held = holds(None);
        let mut held: FxHashMap<ServiceId, bool> = FxHashMap::default();
        for suspect in suspects.values().filter(|suspect| suspect.counts()) {
            let just_now = suspect.fell + suspect.deadline() >= now;
            let lately = suspect.deadline() / LATELY;
            let is_silent = |service| !census.heard(service, suspect.peer, lately);
            if (just_now || machine_held) && is_silent(None) {
                silent.everybody.insert(suspect.peer);
            }
            let service = suspect.service;
            let counts = just_now || *held.entry(service).or_insert_with(|| holds(Some(service)));
            if counts && is_silent(Some(service)) {
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
            .map(|service| Hold::new(HoldReason::ManySilent, Whom::of(service)))
            .collect()
    }
}
