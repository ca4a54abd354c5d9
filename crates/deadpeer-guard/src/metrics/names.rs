//! So many services have names of their own.

use deadpeer_host::deaths::ServiceName;
use deadpeer_report::sanitize::sanitize;
use rustc_hash::FxHashMap;

use crate::readings::Readings;

/// The first so many services have a name of their own; more are one. A name that was given stays,
/// so that no count jumps.
pub(super) const NAMED: usize = 100;
/// What the rest is called.
pub(super) const OTHER: &str = "other";
/// So many of the rest are told apart, to say how many they are.
const FOLDED: usize = 10_000;

/// The names of services, as labels.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// `None`: one of the rest.
    known: FxHashMap<ServiceName, Option<String>>,
    named: usize,
}

impl Names {
    /// All services that something is told of.
    pub(super) fn learn_all(&mut self, readings: &Readings) {
        let services = readings.services.iter().map(|reading| &reading.service);
        let questions = readings.questions.keys().map(|(service, _)| service);
        for service in services.chain(questions).chain(readings.overwritten.keys()) {
            self.learn(service);
        }
    }

    /// Gives a service its label; it may be the one of all the rest.
    pub(super) fn learn(&mut self, service: &ServiceName) {
        if !self.known.contains_key(service) && self.known.len() < FOLDED {
            let name = (self.named < NAMED).then(|| sanitize(&service.to_string()).into_owned());
            self.named += usize::from(name.is_some());
            self.known.insert(service.clone(), name);
        }
    }

    /// The label of a service.
    pub(super) fn of(&self, service: &ServiceName) -> &str {
        let known = self.known.get(service);
        known.and_then(Option::as_deref).unwrap_or(OTHER)
    }

    /// How many have no name of their own.
    pub(super) fn folded(&self) -> usize {
        self.known.len() - self.named
    }
}
