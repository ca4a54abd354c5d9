//! The shell around the heart: it looks, asks and destroys, and tells what happened.

mod error;
mod notes;

pub use error::{OpenGuardError, SweepError};

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::TcpState;
use deadpeer_host::filter::ResolveError;
use deadpeer_host::{Coverage, Scope, Socket, Target};
use deadpeer_sys::{RouteEvent, clock};
use rustc_hash::{FxHashMap, FxHashSet};
use tracing::{error, info};

use crate::choice::Choice;
use crate::config::Config;
use crate::event::{Died, Event, Evidence, Judged, Mode, Sentence, Subject, WhySpared};
use crate::heart::{Action, Census, Heart, Key, Sighting, Terms};
use crate::hooks::Hooks;
use crate::links::Links;
use crate::ours::Ours;
use crate::readings::{Readings, What};
use crate::realms::Realms;
use crate::rights::Rights;
use crate::rules::Rules;
use crate::services::ServiceNames;
use crate::sweep::{Eyes, Seen};

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
}

/// A connection whose peer has a question open.
#[derive(Debug)]
pub(crate) struct Suspected {
    pub(crate) target: Target,
    pub(crate) sighting: Sighting,
    pub(crate) subject: Subject,
}

/// Sweeps take one part in so many of a processor at most: the interval grows with what they cost.
pub(crate) const REST: u32 = 33;
/// One sweep of so many judges what settings promise, which takes as long as to read them.
const JUDGE: u64 = 3;
/// A machine that sleeps for less has only been busy.
const SLEEP: Duration = Duration::from_secs(1);

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
            slept: slept(),
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

    /// Looks again at the connections whose peers have a question open, and at no other: the kernel
    /// finds each by its addresses. Returns whether a sweep is due to decide about one.
    ///
    /// # Errors
    /// One could not be read.
    pub fn check_suspects(&mut self) -> Result<bool, SweepError> {
        for (key, suspected) in &self.suspects {
            // Whatever is gone the next sweep misses.
            let Some(table) = self.realms.table(key.namespace) else {
                continue;
            };
            if let Some(info) = table.tcp_info_of(&suspected.target.id)? {
                self.heart.observe_again(clock::monotonic(), *key, &info);
            }
        }
        self.suspects.retain(|key, _| self.heart.suspects(*key));
        Ok(self.heart.is_to_decide(clock::monotonic()))
    }

    /// Whether somebody is to be [checked](Self::check_suspects) before the next sweep.
    #[must_use]
    pub fn suspects_anybody(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// We were stopped for longer than the shortest deadline, and saw nothing meanwhile: a machine
    /// may have been, or its clock have jumped.
    pub fn note_stopped(&mut self) {
        info!("the guard was stopped: nothing is destroyed until every peer has been asked again");
        self.heart.slept(clock::monotonic());
    }

    fn check_links(&mut self) {
        for realm in &mut self.realms.all {
            // One that cannot be entered any more is found out by its table.
            if let Ok(links) = realm.netns.way.run(Links::now) {
                realm.links = links;
            }
        }
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

    /// Tells of the connections that died since the last time. Should they not be readable, the log
    /// says so.
    pub(crate) fn hear_deaths(&mut self, tell: Tell<'_>) {
        if let Err(error) = self.drain_deaths(tell) {
            error!("deaths could not be read: {error}");
        }
    }

    /// Tells of the connections that died since the last time.
    ///
    /// # Errors
    /// They could not be read.
    fn drain_deaths(&mut self, tell: Tell<'_>) -> Result<(), SweepError> {
        let mut lost = Some(0);
        for (namespace, deaths) in self.realms.deaths() {
            let (choice, config) = (&self.choice, &self.config);
            let destroyed = &mut self.destroyed;
            deaths.drain(|death| {
                let state = death.last.state.unwrap_or(TcpState::Established);
                let mut socket = Socket::new(state, death.local, death.peer);
                socket.uid = death.uid.unwrap_or(u32::MAX);
                socket.cgroup = death.cgroup;
                let namespace = namespace.or(death.netns.as_ref().map(|netns| netns.number));
                let owner = death.owner.as_ref().map(|owner| &*owner.process);
                let policy = choice.policy_of(namespace, &socket, owner.into_iter());
                let policy = policy.and_then(|place| config.policies.get(place));
                tell(&Event::Died(Box::new(Died {
                    namespace,
                    policy: policy.map(|policy| policy.name.clone()),
                    by_guard: destroyed.remove(&death.cookie),
                    death: death.clone(),
                })));
            })?;
            lost = lost.zip(deaths.lost()).map(|(all, lost)| all + lost);
        }
        self.readings.deaths_lost = lost;
        Ok(())
    }

    /// Takes note of links, addresses and routes that went.
    ///
    /// # Errors
    /// They could not be read.
    pub fn drain_network(&mut self) -> Result<(), SweepError> {
        for realm in &mut self.realms.all {
            let (links, mut ours) = (&realm.links, false);
            realm.network.drain(|event| match event {
                RouteEvent::LinkDown { name } => ours |= links.has(&name),
                RouteEvent::AddressGone | RouteEvent::DefaultRouteGone | RouteEvent::Overrun => {
                    ours = true
                }
            })?;
            if ours {
                info!(
                    netns = realm.number(),
                    "a link, an address or a default route was lost: nothing is destroyed until every peer has been asked again"
                );
                self.heart.network_lost(clock::monotonic());
            }
        }
        self.note_holds();
        Ok(())
    }

    /// What is readable when connections have died.
    pub(crate) fn deaths_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.realms.deaths_fds()
    }

    /// What is readable when there is news of links.
    pub(crate) fn network_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.realms.network_fds()
    }

    /// When deaths have to be read although nothing is readable.
    pub(crate) fn deaths_due(&self, now: Instant) -> Option<Instant> {
        self.realms.deaths_due(now)
    }

    /// What the configuration asks for and we lack the capabilities for, and what we can't see for
    /// want of eBPF, a sentence each. Namespaces that are not guarded are said as they are found.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let rights = self.rights.lacking(&self.config);
        rights.into_iter().chain(self.realms.lacks()).collect()
    }

    fn read_all(&mut self) -> Result<Vec<Seen>, SweepError> {
        let settings = self.realms.tables.uses_bpf() || self.is_sixth();
        let sweeps = self.readings.swept.sweeps;
        let judges = settings && sweeps >= self.judges_next;
        let mut protected = Vec::new();
        let mut eyes = Eyes {
            policies: &self.config.policies,
            choice: &self.choice,
            ours: &self.ours,
            can_destroy: self.rights.destroy(),
            heart: &self.heart,
            services: &mut self.services,
            census: &mut self.census,
            settings,
            protected: judges.then_some(&mut protected),
            far: Vec::new(),
        };
        let mut all = Vec::new();
        let Realms {
            tables,
            all: realms,
            ..
        } = &mut self.realms;
        tables.one_by_one(&eyes.query(), |netns, table, shared| {
            let Some(realm) = realms.iter_mut().find(|it| it.number() == netns.number) else {
                return Ok(Coverage::default());
            };
            let (mut seen, coverage) = eyes.read(realm, table, shared)?;
            realm.here = std::mem::take(&mut seen.here);
            all.push(seen);
            Ok(coverage)
        })?;
        if judges {
            self.judges_next = sweeps + JUDGE;
            self.readings.services = protected;
        }
        self.services.end_sweep();
        Ok(all)
    }

    /// Looks closely at those that have a question open, and has asked those that have none.
    fn judge(&mut self, seen: Seen) -> Result<(), SweepError> {
        for (sighting, target) in seen.asked {
            let Some(table) = self.realms.table(seen.namespace) else {
                continue;
            };
            let info = table.tcp_info_of(&target.id)?;
            let Some(info) = info else { continue };
            self.heart.observe(clock::monotonic(), &sighting, &info);
            if self.heart.suspects(sighting.key) {
                self.suspect(&sighting, target);
            }
        }
        self.enforce(seen.namespace, &seen.fresh, seen.surveyed);
        Ok(())
    }

    /// In every so many sweeps more is looked at.
    pub(crate) fn is_sixth(&self) -> bool {
        self.readings.swept.sweeps.is_multiple_of(6)
    }

    fn suspect(&mut self, sighting: &Sighting, target: Target) {
        let policy = self.config.policies.get(sighting.policy);
        let service = self.services.name(sighting.service);
        let (Some(policy), Some(service)) = (policy, service) else {
            return;
        };
        let subject = Subject {
            cookie: target.id.cookie,
            local: target.id.local,
            peer: target.id.peer,
            service: service.clone(),
            pid: target.owners.first().map(|owner| owner.pid),
            namespace: sighting.key.namespace,
            policy: policy.name.clone(),
            workload: target.workload.clone(),
        };
        let suspected = Suspected {
            target,
            sighting: *sighting,
            subject,
        };
        self.suspects.insert(sighting.key, suspected);
    }

    fn act(&mut self, actions: Vec<Action>, tell: Tell<'_>) {
        let mut doomed = Vec::new();
        for action in actions {
            match action {
                Action::Kill {
                    key,
                    evidence,
                    mode,
                } => match mode {
                    Mode::Enforce => doomed.push(key),
                    Mode::Observe | Mode::Off => self.would_kill(key, evidence, tell),
                },
                Action::Spare { key, evidence, why } => self.spare(key, evidence, why, tell),
            }
        }
        self.kill(doomed, tell);
    }

    pub(crate) fn spare(&mut self, key: Key, evidence: Evidence, why: WhySpared, tell: Tell<'_>) {
        let Some(suspected) = self.suspects.get(&key) else {
            return;
        };
        let count = (suspected.subject.policy.clone(), why);
        *self.readings.spared.entry(count).or_default() += 1;
        tell(&Event::Judged(Box::new(Judged {
            at: SystemTime::now(),
            subject: suspected.subject.clone(),
            evidence,
            sentence: Sentence::Spared(why),
        })));
    }

    fn note_sleep(&mut self) {
        let now = slept();
        if now.saturating_sub(self.slept) > SLEEP {
            info!("the machine slept: nothing is destroyed until every peer has been asked again");
            self.heart.slept(clock::monotonic());
        }
        self.slept = now;
    }
}

fn terms(config: &Config) -> Vec<Terms> {
    let policies = config.policies.iter();
    policies
        .map(|policy| Terms {
            deadline: policy.deadline(),
            kill: policy.kill,
            kills_per_minute: policy.kills_per_minute,
        })
        .collect()
}

/// How long the machine has slept since it was started.
fn slept() -> Duration {
    clock::boottime().saturating_sub(clock::monotonic())
}
