//! Connections whose policy sets their options.

mod goal;

use deadpeer_host::ReadTableError;
use deadpeer_host::protect::Patience;
use rustc_hash::{FxHashMap, FxHashSet};
use tracing::{info, warn};

use crate::event::{Mode, PolicyName};
use crate::guard::Guard;
use crate::readings::What;
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
}
