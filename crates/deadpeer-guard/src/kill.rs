//! What becomes of connections whose peers are gone: the heart says who goes, and who stays.

use std::collections::BTreeMap;
use std::io;
use std::time::{Instant, SystemTime};

use deadpeer_host::kill::destroy;
use deadpeer_sys::clock;
use tracing::warn;

use crate::event::{Event, Evidence, Judged, KillResult, Mode, Sentence, WhySpared};
use crate::guard::{Guard, Tell};
use crate::heart::{Action, Key};
use crate::hooks::{self, Asked};
use crate::readings::QuestionResult;

impl Guard {
    /// Does what the heart says.
    pub(crate) fn act(&mut self, actions: Vec<Action>, tell: Tell<'_>) {
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

    /// Says what would be done.
    fn would_kill(&mut self, key: Key, evidence: Evidence, tell: Tell<'_>) {
        self.told(key, evidence, Mode::Observe, KillResult::WouldDestroy, tell);
    }

    /// Looks at each a last time, has the programs asked that a policy wants asked, destroys those
    /// whose peers have not answered, and looks again.
    fn kill(&mut self, doomed: Vec<Key>, tell: Tell<'_>) {
        let (mut condemned, mut asked) = (Vec::new(), Vec::new());
        for key in doomed {
            let Some(evidence) = self.last_check(key, tell) else {
                continue;
            };
            match self.ask_before(key, &evidence) {
                Some(answer) => asked.push((key, evidence, answer)),
                None => condemned.push((key, evidence)),
            }
        }
        let until = Instant::now() + hooks::PATIENCE;
        self.destroy_all(condemned, tell);
        let mut agreed = Vec::new();
        for (key, evidence, answer) in asked {
            // Deaths that nobody reads are lost if we are killed.
            let meanwhile = || self.hear_deaths(tell);
            match answer.and_then(|answer| answer.agrees(until, meanwhile)) {
                // Its peer has had time to answer.
                Ok(true) => {
                    let evidence = self.last_check(key, tell);
                    agreed.extend(evidence.map(|evidence| (key, evidence)));
                }
                Ok(false) => self.refuse(key, evidence, tell),
                Err(error) => {
                    warn!("before-kill: {error}");
                    self.refuse(key, evidence, tell);
                }
            }
        }
        self.destroy_all(agreed, tell);
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

    fn destroy_all(&mut self, condemned: Vec<(Key, Evidence)>, tell: Tell<'_>) {
        let mut by_namespace: BTreeMap<u64, Vec<(Key, Evidence)>> = BTreeMap::new();
        for (key, evidence) in condemned {
            let of_namespace = by_namespace.entry(key.namespace).or_default();
            of_namespace.push((key, evidence));
        }
        for (namespace, condemned) in by_namespace {
            self.destroy(namespace, condemned, tell);
        }
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
            match result {
                KillResult::Destroyed => {
                    self.heart.over(key);
                    self.suspects.remove(&key);
                }
                // What keeps us from it does so in the next sweep, too.
                KillResult::Failed => self.heart.refuse(clock::monotonic(), key),
                KillResult::WouldDestroy | KillResult::Gone => {}
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

    fn spare(&mut self, key: Key, evidence: Evidence, why: WhySpared, tell: Tell<'_>) {
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
}
