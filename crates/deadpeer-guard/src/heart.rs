//! The heart: facts and a time come in, actions come out. It has no clock and touches nothing.
//!
//! A sweep shows it all connections: how many peers there are ([`Census`]), and each connection
//! whose peer has a question open ([`Sighting`]). Such a one is a suspect, with a
//! [`Judge`](deadpeer_core::Judge) of its own until the peer has answered, and is looked at between
//! sweeps too. Who is judged unreachable goes ([`Action::Kill`]) at the end of a sweep unless
//! something speaks for it: the [brake](crate::config::Brake), the rate limit of its policy, or
//! that it is ours.
//!
//! Times are readings of `CLOCK_MONOTONIC`, which stands still while the machine sleeps.

mod brake;
mod census;
mod facts;
mod holding;
mod holds;
mod paths;
mod rate;
pub(crate) mod seldom;
mod suspect;

pub use census::Census;
pub use facts::{Action, Key, ServiceId, Sighting, Terms};
pub use holds::{Hold, Whom};

use std::time::Duration;

use deadpeer_core::TcpInfo;
use rustc_hash::FxHashMap;

use crate::Patience;
use crate::config;
use crate::event::{Evidence, Mode, WhySpared};
use holds::Holds;
use paths::Paths;
use rate::Rate;
use suspect::{Standing, Suspect};

/// What has been seen, and what follows from it.
#[derive(Debug)]
pub struct Heart {
    brake: config::Brake,
    policies: Vec<Terms>,
    rates: Vec<Rate>,
    suspects: FxHashMap<Key, Suspect>,
    paths: Paths,
    holds: Holds,
    /// The number of the sweep, by which it shows who was not seen in it.
    sweep: u32,
    answered: Vec<ServiceId>,
}

impl Heart {
    /// A heart that has seen nothing yet.
    #[must_use]
    pub fn new(brake: config::Brake, policies: Vec<Terms>) -> Self {
        Self {
            rates: policies.iter().map(Rate::of).collect(),
            brake,
            policies,
            suspects: FxHashMap::default(),
            paths: Paths::default(),
            holds: Holds::default(),
            sweep: 0,
            answered: Vec::new(),
        }
    }

    /// Other policies from now on. What is known under those that say the same as before, wherever
    /// they stand, stays known; else what has been told would be told again.
    pub fn reconfigure(&mut self, brake: config::Brake, policies: Vec<Terms>) {
        let mut fresh = Self::new(brake, policies);
        let place = |terms: &Terms| fresh.policies.iter().position(|new| new == terms);
        let places: Vec<Option<usize>> = self.policies.iter().map(place).collect();
        for (rate, place) in std::mem::take(&mut self.rates).into_iter().zip(&places) {
            if let Some(known) = place.and_then(|place| fresh.rates.get_mut(place)) {
                *known = rate;
            }
        }
        for (key, mut suspect) in self.suspects.drain() {
            if let Some(place) = places.get(suspect.policy).copied().flatten() {
                suspect.policy = place;
                fresh.suspects.insert(key, suspect);
            }
        }
        std::mem::swap(&mut fresh.holds, &mut self.holds);
        std::mem::swap(&mut fresh.paths, &mut self.paths);
        std::mem::swap(&mut fresh.answered, &mut self.answered);
        fresh.sweep = self.sweep;
        *self = fresh;
    }

    /// Whether a connection has to be shown again, whatever its timers say.
    #[must_use]
    pub fn suspects(&self, key: Key) -> bool {
        self.suspects.contains_key(&key)
    }

    /// Whether all was said of a connection, which is still there. The [`Census`] counts its peer
    /// for the others alone: what is destroyed is not counted either, and whoever observes tells
    /// what enforcing does.
    #[must_use]
    pub fn has_told(&self, key: Key) -> bool {
        self.suspects.get(&key).is_some_and(|suspect| suspect.told)
    }

    /// How many connections have a peer with a question open.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.suspects.len()
    }

    /// Takes in a connection that has a question open, or is [suspected](Self::suspects) already.
    pub fn observe(&mut self, now: Duration, sighting: &Sighting, info: &TcpInfo) {
        let Some(terms) = self.policies.get(sighting.policy) else {
            return;
        };
        let key = sighting.key;
        let known = self.suspects.get(&key);
        let is_known = known.is_some_and(|known| known.is_still(sighting));
        if !is_known {
            self.suspects.remove(&key);
        }
        let suspect = (self.suspects.entry(key))
            .or_insert_with(|| Suspect::new(now, sighting, terms.deadline));
        suspect.seen_in = self.sweep;
        self.take_reading(now, key, info, is_known);
    }

    /// Looks at a suspect once more between two sweeps.
    pub fn observe_again(&mut self, now: Duration, key: Key, info: &TcpInfo) {
        self.take_reading(now, key, info, true);
    }

    /// Whether a sweep would decide about somebody about whom none has decided yet.
    #[must_use]
    pub fn is_to_decide(&self, now: Duration) -> bool {
        let mut doomed = self.doomed(now);
        doomed.any(|(_, suspect)| !suspect.decided && suspect.spared.is_none())
    }

    fn take_reading(&mut self, now: Duration, key: Key, info: &TcpInfo, is_known: bool) {
        let Some(suspect) = self.suspects.get_mut(&key) else {
            return;
        };
        suspect.know(&self.paths);
        if suspect.observe(now, info) != Standing::Answered {
            return;
        }
        if let Some(answered) = self.suspects.remove(&key).filter(|_| is_known) {
            // What befalls many is no property of a path.
            if !(self.holds).concern(key, answered.service, false) {
                self.paths.answered(now, answered.peer, answered.streak());
            }
            self.answered.push(answered.service);
        }
    }

    /// How long the kernel is to ask a peer in vain before it gives the connection up by itself:
    /// longer where it would otherwise do so while nobody takes the peer for gone, because the
    /// brake holds or a lossy path asks for more questions.
    #[must_use]
    pub fn patience(&self, key: Key) -> Patience {
        let suspect = self.suspects.get(&key);
        suspect.map_or_else(Patience::default, |suspect| suspect.patience)
    }

    /// Those of a network namespace that more patience is lent to, by their cookies.
    #[must_use]
    pub fn lent(&self, namespace: u64) -> FxHashMap<u64, Patience> {
        let suspects = self.suspects.iter();
        let here = suspects.filter(|(key, _)| key.namespace == namespace);
        let lent = here.filter(|(_, suspect)| suspect.patience > Patience::default());
        lent.map(|(key, suspect)| (key.cookie, suspect.patience))
            .collect()
    }

    /// The services of peers that have answered after all since the last time.
    pub fn take_answered(&mut self) -> Vec<ServiceId> {
        std::mem::take(&mut self.answered)
    }

    /// Ends a sweep and decides. Who was not shown in it is gone.
    pub fn end_sweep(&mut self, now: Duration, census: &Census) -> Vec<Action> {
        let sweep = self.sweep;
        self.suspects.retain(|_, suspect| suspect.seen_in == sweep);
        self.sweep = self.sweep.wrapping_add(1);
        self.paths.end_sweep(now);
        self.apply_brake(now, census);
        for (key, suspect) in &mut self.suspects {
            let held = (self.holds).concern(*key, suspect.service, suspect.acknowledged);
            suspect.lend(now, held);
        }
        self.candidates(now)
            .into_iter()
            .filter_map(|key| self.decide(now, key))
            .collect()
    }

    /// Looks at a connection a last time, just before it is destroyed: why its peer is taken for
    /// gone, or `None` if it has answered meanwhile.
    pub fn last_check(&mut self, now: Duration, key: Key, info: &TcpInfo) -> Option<Evidence> {
        let suspect = self.suspects.get_mut(&key)?;
        match suspect.observe(now, info) {
            Standing::Unreachable => suspect.evidence(),
            Standing::Silent | Standing::Answered => {
                self.suspects.remove(&key);
                None
            }
        }
    }

    /// Why the peer of a connection is taken for gone; `None`: it is not.
    #[must_use]
    pub fn evidence(&self, key: Key) -> Option<Evidence> {
        self.suspects.get(&key)?.evidence()
    }

    /// A connection is not to be destroyed, though its peer is gone.
    pub fn leave(&mut self, key: Key) {
        if let Some(suspect) = self.suspects.get_mut(&key) {
            suspect.told = true;
        }
    }

    /// Somebody who was asked did not agree that it be destroyed, or it could not be: its silence
    /// counts anew from now on.
    pub fn refuse(&mut self, now: Duration, key: Key) {
        if let Some(suspect) = self.suspects.get_mut(&key) {
            suspect.forgive(now);
        }
    }

    /// A connection was destroyed, or is gone.
    pub fn over(&mut self, key: Key) {
        self.suspects.remove(&key);
    }

    /// Those whose peers are gone and of whom nothing has been told yet.
    fn doomed(&self, now: Duration) -> impl Iterator<Item = (&Key, &Suspect)> {
        self.suspects.iter().filter(move |(_, suspect)| {
            let kill = self.policies.get(suspect.policy).map(|terms| terms.kill);
            suspect.is_convicted(now) && !suspect.told && kill.is_some_and(|kill| kill != Mode::Off)
        })
    }

    fn candidates(&self, now: Duration) -> Vec<Key> {
        let mut keys: Vec<Key> = self.doomed(now).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    fn decide(&mut self, now: Duration, key: Key) -> Option<Action> {
        let suspect = self.suspects.get_mut(&key)?;
        let evidence = suspect.evidence()?;
        let terms = self.policies.get(suspect.policy)?;
        let rate = self.rates.get_mut(suspect.policy)?;
        let held = (self.holds).concern(key, suspect.service, suspect.acknowledged);
        let spared = match () {
            () if suspect.ours => Some(WhySpared::OurOwn),
            () if held => Some(WhySpared::Holding),
            () if !rate.allows(now) => Some(WhySpared::RateLimit),
            () => None,
        };
        if let Some(why) = spared {
            let news = suspect.spared != Some(why);
            suspect.spared = Some(why);
            return news.then_some(Action::Spare { key, evidence, why });
        }
        rate.count(now);
        suspect.decided = true;
        suspect.told = terms.kill == Mode::Observe;
        Some(Action::Kill {
            key,
            evidence,
            mode: terms.kill,
        })
    }
}
