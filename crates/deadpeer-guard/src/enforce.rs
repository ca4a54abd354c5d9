//! What a policy does to connections: sets their options, destroys them.

mod goal;

use std::collections::BTreeMap;
use std::io;
use std::time::{Instant, SystemTime};

use deadpeer_host::ReadTableError;
use deadpeer_host::kill::destroy;
use deadpeer_host::protect::Patience;
use deadpeer_sys::clock;
use rustc_hash::{FxHashMap, FxHashSet};
use tracing::{info, warn};

use crate::event::{Event, Evidence, Judged, KillResult, Mode, PolicyName, Sentence, WhySpared};
use crate::guard::{Guard, Tell};
use crate::heart::Key;
use crate::hooks::{self, Asked};
use crate::readings::{QuestionResult, What};
use crate::realm::ChangeError;
use goal::{EnforceError, Goal};

impl Guard {
    /// Sets the options of connections whose policy wants that. `fresh` are those that no survey
    /// has seen, with the place of their policy; `surveyed` those that one has, and are still
    /// there.
    pub(crate) fn enforce(
        &mut self,
        namespace: u64,
        fresh: &[(usize, u64)],
        surveyed: FxHashSet<u64>,
    ) {
        let lent = self.heart.lent(namespace);
        let sixth = self.is_sixth();
        let Some((realm, _)) = self.realms.of(namespace) else {
            return;
        };
        if let Err(error) = realm.forget_gone(surveyed) {
            warn!("{error}");
        }
        let lends = realm.lent != lent;
        let mut all_set = true;
        for policy in 0..self.config.policies.len() {
            let of_policy = fresh.iter().filter(|(of, _)| *of == policy);
            let cookies: Vec<u64> = of_policy.map(|(_, cookie)| *cookie).collect();
            let Some(what) = self.config.policies[policy].sets() else {
                continue;
            };
            // Those that we have set are looked at again.
            let again = sixth || lends && what == What::Supervise;
            if cookies.is_empty() && !again {
                continue;
            }
            let set = self.set(namespace, policy, what, &lent);
            all_set &= matches!(set, Ok(true));
            match set {
                Ok(true) => {
                    if let Some((realm, _)) = self.realms.of(namespace) {
                        realm.surveyed.extend(cookies);
                    }
                }
                // The next sweep tries again.
                Ok(false) => {}
                Err(error) => {
                    let name = &self.config.policies[policy].name;
                    warn!(policy = %name, "options could not be set: {error}");
                }
            }
        }
        if let Some((realm, _)) = self.realms.of(namespace).filter(|_| all_set) {
            realm.lent = lent;
        }
    }

    /// Whether all were set that had to be.
    fn set(
        &mut self,
        namespace: u64,
        policy: usize,
        what: What,
        lent: &FxHashMap<u64, Patience>,
    ) -> Result<bool, EnforceError> {
        let found = (self.choice.of_policy(policy, namespace)).zip(self.realms.of(namespace));
        let Some((filter, (realm, table))) = found else {
            return Ok(true);
        };
        let policy = &self.config.policies[policy];
        let Some(_alone) = realm.netns.way.lock()? else {
            return Ok(false);
        };
        let goal = Goal::of(policy, what, table.kernel(), &self.directory, lent)?;
        let survey = goal.survey(table, &filter)?;
        for (cookie, part) in survey.changing() {
            if realm.changed.contains(&cookie)
                && let Some(part) = survey.parts.get(part)
                && !goal.is_ours(part)
            {
                *self.readings.overwritten.entry(part.service()).or_default() += 1;
            }
        }
        if survey.changes() == 0 {
            return Ok(true);
        }
        let set: Vec<u64> = survey.changing().map(|(cookie, _)| cookie).collect();
        let undo = realm.undo(&self.directory, policy.deadline())?;
        let outcome = goal.carry_out(survey, table, &filter, undo)?;
        let all = outcome.failed.is_empty();
        let answered = realm.lent.keys().filter(|it| !lent.contains_key(it));
        let answered: FxHashSet<u64> = answered.copied().collect();
        if all && !answered.is_empty() {
            let undo = realm.undo(&self.directory, policy.deadline())?;
            undo.forget_detours(&answered).map_err(ChangeError::from)?;
        }
        if all {
            realm.changed.extend(set);
        }
        let count = (policy.name.clone(), what);
        *self.readings.changes.entry(count).or_default() += outcome.changed;
        info!(
            policy = %policy.name,
            changed = outcome.changed,
            failed = outcome.failed.values().sum::<u64>(),
            "{}",
            what.words()
        );
        Ok(all)
    }

    /// Connections and listeners that each policy would set, if it enforced what it observes.
    ///
    /// # Errors
    /// A table could not be read.
    pub fn rehearse(&mut self) -> Result<Vec<(PolicyName, What, usize)>, ReadTableError> {
        let mut all = Vec::new();
        for (place, policy) in self.config.policies.iter().enumerate() {
            for (what, mode) in [
                (What::Protect, policy.protect),
                (What::Supervise, policy.supervise),
            ] {
                if mode == Mode::Off {
                    continue;
                }
                let mut count = 0;
                for realm in &self.realms.all {
                    let filter = self.choice.of_policy(place, realm.number());
                    let Some((filter, table)) = filter.zip(self.realms.tables.of(realm.number()))
                    else {
                        continue;
                    };
                    // A deadline that no options keep changes nothing.
                    let lent = FxHashMap::default();
                    let goal = Goal::of(policy, what, table.kernel(), &self.directory, &lent);
                    if let Ok(goal) = goal {
                        count += goal.survey(table, &filter)?.changes();
                    }
                }
                if count > 0 {
                    all.push((policy.name.clone(), what, count));
                }
            }
        }
        Ok(all)
    }

    /// Says what would be done.
    pub(crate) fn would_kill(&mut self, key: Key, evidence: Evidence, tell: Tell<'_>) {
        self.told(key, evidence, Mode::Observe, KillResult::WouldDestroy, tell);
    }

    /// Looks at each a last time, has the programs asked that a policy wants asked, destroys those
    /// whose peers have not answered, and looks again.
    pub(crate) fn kill(&mut self, doomed: Vec<Key>, tell: Tell<'_>) {
        let mut condemned: BTreeMap<u64, Vec<(Key, Evidence)>> = BTreeMap::new();
        let mut condemn = |key: Key, evidence| {
            let of_namespace = condemned.entry(key.namespace).or_default();
            of_namespace.push((key, evidence));
        };
        let mut asked = Vec::new();
        for key in doomed {
            let Some(evidence) = self.last_check(key, tell) else {
                continue;
            };
            match self.ask_before(key, &evidence) {
                Some(answer) => asked.push((key, evidence, answer)),
                None => condemn(key, evidence),
            }
        }
        let until = Instant::now() + hooks::PATIENCE;
        for (key, evidence, answer) in asked {
            // Deaths that nobody reads are lost if we are killed.
            let meanwhile = || self.hear_deaths(tell);
            match answer.and_then(|answer| answer.agrees(until, meanwhile)) {
                // Its peer has had time to answer.
                Ok(true) => {
                    let evidence = self.last_check(key, tell);
                    evidence.into_iter().for_each(|it| condemn(key, it));
                }
                Ok(false) => self.refuse(key, evidence, tell),
                Err(error) => {
                    warn!("before-kill: {error}");
                    self.refuse(key, evidence, tell);
                }
            }
        }
        for (namespace, condemned) in condemned {
            self.destroy(namespace, condemned, tell);
        }
    }

    /// Why it is to be destroyed all the same, if it is.
    fn last_check(&mut self, key: Key, tell: Tell<'_>) -> Option<Evidence> {
        let suspected = self.suspects.get(&key)?;
        let known = self.heart.evidence(key)?;
        let table = self.realms.table(key.namespace)?;
        let info = table.tcp_info_of(&suspected.target.id).ok()?;
        let Some(info) = info else {
            self.told(key, known, Mode::Enforce, KillResult::Gone, tell);
            return None;
        };
        let evidence = self.heart.last_check(clock::monotonic(), key, &info);
        if evidence.is_none() {
            self.spare(key, known, WhySpared::Answered, tell);
        }
        evidence
    }

    /// Runs the program that is to be asked before, if there is one.
    fn ask_before(&self, key: Key, evidence: &Evidence) -> Option<io::Result<Asked>> {
        let suspected = self.suspects.get(&key)?;
        let policy = self.config.policies.get(suspected.sighting.policy)?;
        let words = policy.hooks.before_kill.as_ref()?;
        Some(Asked::begin(words, &suspected.subject, evidence))
    }

    /// The program that was asked did not agree; it is asked again after another deadline.
    fn refuse(&mut self, key: Key, evidence: Evidence, tell: Tell<'_>) {
        self.heart.refuse(clock::monotonic(), key);
        self.spare(key, evidence, WhySpared::Hook, tell);
    }

    fn destroy(&mut self, namespace: u64, condemned: Vec<(Key, Evidence)>, tell: Tell<'_>) {
        let Some((realm, _)) = self.realms.of(namespace) else {
            return;
        };
        let way = realm.netns.way.clone();
        // Who changes sockets now may be asking these.
        let _alone = match way.lock() {
            Ok(Some(alone)) => alone,
            Ok(None) | Err(_) => return,
        };
        let targets = condemned
            .iter()
            .filter_map(|(key, _)| self.suspects.get(key));
        let targets: Vec<_> = targets.map(|suspected| &suspected.target).collect();
        let left_to_kernel = match destroy(&way, &targets) {
            Ok(done) => done.spared,
            Err(error) => {
                warn!("{error}");
                Vec::new()
            }
        };
        for (key, evidence) in condemned {
            if left_to_kernel.contains(&key.cookie) {
                self.heart.leave(key);
                self.spare(key, evidence, WhySpared::LeftToKernel, tell);
                continue;
            }
            let result = self.became(key);
            if result == KillResult::Destroyed {
                self.destroyed.insert(key.cookie);
            }
            self.told(key, evidence, Mode::Enforce, result, tell);
            if result == KillResult::Destroyed {
                self.heart.over(key);
                self.suspects.remove(&key);
            }
        }
    }

    fn became(&mut self, key: Key) -> KillResult {
        let suspected = self.suspects.get(&key);
        let Some((suspected, table)) = suspected.zip(self.realms.table(key.namespace)) else {
            return KillResult::Gone;
        };
        match table.tcp_info_of(&suspected.target.id) {
            Ok(None) => KillResult::Destroyed,
            Ok(Some(_)) | Err(_) => KillResult::Failed,
        }
    }

    fn told(
        &mut self,
        key: Key,
        evidence: Evidence,
        mode: Mode,
        result: KillResult,
        tell: Tell<'_>,
    ) {
        let Some(suspected) = self.suspects.get(&key) else {
            return;
        };
        let subject = &suspected.subject;
        let count = (subject.policy.clone(), mode, result);
        *self.readings.kills.entry(count).or_default() += 1;
        let asked = (subject.service.clone(), QuestionResult::Unanswered);
        *self.readings.questions.entry(asked).or_default() += 1;
        let hooks = self
            .config
            .policies
            .get(suspected.sighting.policy)
            .map(|policy| &policy.hooks);
        if let (KillResult::Destroyed, Some(words)) =
            (result, hooks.and_then(|hooks| hooks.after_kill.as_ref()))
            && let Err(error) = self.hooks.after(words, subject, &evidence, result.words())
        {
            warn!("after-kill: {error}");
        }
        tell(&Event::Judged(Box::new(Judged {
            at: SystemTime::now(),
            subject: subject.clone(),
            evidence,
            sentence: Sentence::Killed(result),
        })));
    }
}
