//! The shell around the heart: it looks, asks and destroys, and tells what happened.

mod deaths;
mod error;
mod look;
mod network;
mod notes;

pub use error::{OpenGuardError, SweepError};

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use deadpeer_host::filter::ResolveError;
use deadpeer_host::{Scope, Target};
use deadpeer_sys::clock;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::choice::Choice;
use crate::config::Config;
use crate::event::{Event, Subject};
use crate::heart::{Census, Heart, Key, Sighting, Terms};
use crate::hooks::Hooks;
use crate::ours::Ours;
use crate::readings::{Readings, What};
use crate::realms::Realms;
use crate::rights::Rights;
use crate::rules::Rules;
use crate::services::ServiceNames;

/// Whoever is told what happens, each once and in order.
pub type Tell<'a> = &'a mut dyn FnMut(&Event);

/// A machine under guard.
#[derive(Debug)]
pub struct Guard {
    pub(crate) config: Config,
    pub(crate) choice: Choice,
    pub(crate) realms: Realms,
    pub(crate) heart: Heart,
    pub(crate) services: ServiceNames,
    pub(crate) hooks: Hooks,
    /// Those that the heart suspects.
    pub(crate) suspects: FxHashMap<Key, Suspected>,
    /// Destroyed by us; their deaths are still to come.
    pub(crate) destroyed: FxHashSet<u64>,
    pub(crate) readings: Readings,
    /// Where undo files are.
    pub(crate) directory: PathBuf,
    rules: Rules,
    ours: Ours,
    rights: Rights,
    census: Census,
    /// The sweep in which settings are judged again.
    judges_next: u64,
    /// How long the machine had slept since it was started.
    slept: Duration,
    /// The number of our own network namespace.
    own: Option<u64>,
}

/// A connection whose peer has a question open.
#[derive(Debug)]
pub(crate) struct Suspected {
    pub(crate) target: Target,
    pub(crate) sighting: Sighting,
    pub(crate) subject: Subject,
}

/// Sweeps take one part in so many of a processor at most: the interval grows with what they cost,
/// one after the other.
pub(crate) const REST: u32 = 33;

impl Guard {
    /// Begins to watch these network namespaces; of [all](Scope::All) also those that come later.
    /// What can't be entered of all is counted and said. `directory`: where what is changed is put
    /// on record.
    ///
    /// # Errors
    /// See [`OpenGuardError`].
    pub fn open(config: Config, scope: Scope, directory: PathBuf) -> Result<Self, OpenGuardError> {
        let mut guard = Self {
            choice: Choice::of(&config)?,
            realms: Realms::open(scope)?,
            heart: Heart::new(config.brake, terms(&config)),
            services: ServiceNames::default(),
            hooks: Hooks::default(),
            suspects: FxHashMap::default(),
            destroyed: FxHashSet::default(),
            readings: Readings::default(),
            rules: Rules::of(&directory),
            directory,
            ours: Ours::now(),
            rights: Rights::now(),
            census: Census::default(),
            judges_next: 0,
            slept: network::slept(),
            own: network::own_namespace(),
            config,
        };
        guard.readings.capabilities = guard.rights.all();
        guard.note_lacks();
        guard.note_configuration(true);
        Ok(guard)
    }

    /// Takes over another configuration.
    ///
    /// # Errors
    /// What it chooses could not be looked up; then the one before stays.
    pub fn reload(&mut self, config: Config) -> Result<(), ResolveError> {
        self.choice = Choice::of(&config)?;
        self.heart.reconfigure(config.brake, terms(&config));
        self.suspects.clear();
        self.rules.check_soon();
        self.judges_next = 0;
        self.config = config;
        self.note_configuration(true);
        Ok(())
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How things stand.
    #[must_use]
    pub fn readings(&self) -> &Readings {
        &self.readings
    }

    /// Kills nobody until [`resume`](Self::resume).
    pub fn hold(&mut self) {
        self.heart.hold(clock::monotonic());
        self.note_holds();
    }

    /// Goes on: those that the brake protects are really gone.
    pub fn resume(&mut self) {
        self.heart.resume(clock::monotonic());
        self.note_holds();
    }

    /// Looks at all connections, and does what follows: asks those that a policy wants asked,
    /// judges, and destroys those whose peers are gone.
    ///
    /// # Errors
    /// See [`SweepError`]. What was done before stands.
    pub fn sweep(&mut self, tell: Tell<'_>) -> Result<(), SweepError> {
        let begun = Instant::now();
        self.hooks.reap();
        self.note_sleep();
        self.drain_network()?;
        self.realms.refresh()?;
        let realms = &self.realms.all;
        (self.heart).leave_namespaces(|number| realms.iter().any(|it| it.number() == number));
        self.check_links();
        if self.choice.is_old() {
            self.choice = Choice::of(&self.config)?;
        }
        self.census.clear();
        let mut connections = 0;
        for seen in self.read_all()? {
            connections += seen.connections;
            seen.survived
                .iter()
                .for_each(|it| tell(&Event::Survived(*it)));
            self.judge(seen)?;
        }
        let actions = self.heart.end_sweep(clock::monotonic(), &self.census);
        self.count_answers();
        self.suspects.retain(|key, _| self.heart.suspects(*key));
        self.note_holds();
        self.act(actions, tell);
        self.realms.tables.rest();
        self.note_lacks();
        let swept = &mut self.readings.swept;
        swept.sweeps += 1;
        swept.at = Some(SystemTime::now());
        swept.took = begun.elapsed();
        swept.connections = connections;
        swept.asked = self.heart.asked() as u64;
        swept.namespaces = self.realms.all.len() as u64;
        swept.namespaces_closed = self.realms.closed().len() as u64;
        Ok(())
    }

    /// A sweep failed.
    pub fn note_failed_sweep(&mut self) {
        self.readings.swept.failed += 1;
    }

    /// Sees to the rules by which policies protect connections still to come. They hold on when we
    /// are gone, and who begins with the same configuration finds them.
    pub fn keep_rules(&mut self) {
        if !self.rules.are_due(Instant::now()) {
            return;
        }
        let kernel = self.realms.tables.kernel();
        let counts = (self.rules).keep(&self.config, &kernel, self.realms.is_machine());
        for (policy, count) in counts {
            let so_far = (self.readings.changes).entry((policy, What::NewConnections));
            *so_far.or_default() = count;
        }
    }

    /// What the configuration asks for and we lack the capabilities for, and what we can't see for
    /// want of eBPF, a sentence each. Namespaces that are not guarded are said as they are found.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let rights = self.rights.lacking(&self.config);
        rights.into_iter().chain(self.realms.lacks()).collect()
    }
}

fn terms(config: &Config) -> Vec<Terms> {
    let policies = config.policies.iter();
    policies
        .map(|policy| Terms {
            name: policy.name.clone(),
            deadline: policy.deadline(),
            kill: policy.kill,
            kills_per_minute: policy.kills_per_minute,
        })
        .collect()
}
