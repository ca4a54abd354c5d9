//! Rules that protect connections still to come. They are pinned, and hold whatever becomes of us.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deadpeer_core::Kernel;
use deadpeer_host::cgroup;
use deadpeer_host::protect::Aim;
use deadpeer_host::protect::new_connections::{
    NewConnectionsError, Rule, Standing, replace, rule, standing,
};
use tracing::{info, warn};

use crate::config::{Config, Policy};
use crate::event::{Mode, PolicyName};

/// Ours begin so, which no name does that `deadpeer protect` gives.
const OURS: &str = "guard:";
/// Containers start and end: their cgroups are looked for this often.
const EVERY: Duration = Duration::from_secs(30);

/// What the policies of a configuration want of connections still to come.
#[derive(Debug)]
pub(crate) struct Rules {
    /// What tells ours from those of a guard with another state directory.
    tag: String,
    next: Option<Instant>,
    /// What was said already.
    said: BTreeSet<String>,
}

/// A rule that is to hold.
#[derive(Debug)]
struct Wanted {
    policy: PolicyName,
    cgroup: PathBuf,
    rule: Rule,
}

impl Rules {
    /// Those of the guard whose state is in this directory.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            tag: tag(directory),
            next: None,
            said: BTreeSet::new(),
        }
    }

    /// Another configuration is in force.
    pub(crate) fn check_soon(&mut self) {
        self.next = None;
        self.said.clear();
    }

    /// Whether it is time to look again.
    pub(crate) fn are_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Makes those that are wanted and do not hold, leaves those alone that do, whoever of us made
    /// them, and ends those of policies and cgroups that are gone. On how many connections each
    /// policy's have set something so far. `everywhere`: the whole machine is guarded.
    pub(crate) fn keep(
        &mut self,
        config: &Config,
        kernel: &Kernel,
        everywhere: bool,
    ) -> BTreeMap<PolicyName, u64> {
        self.next = Some(Instant::now() + EVERY);
        let mut counts = BTreeMap::new();
        let wanted = self.wanted(config, kernel, everywhere);
        let there = match standing() {
            Ok(there) => there,
            Err(error) if wanted.is_empty() => {
                tracing::debug!("rules for new connections cannot be read: {error}");
                return counts;
            }
            Err(error) => {
                self.unavailable(&error);
                return counts;
            }
        };
        let is_ours = |name: &str| name.starts_with(OURS) && name.ends_with(&self.tag);
        let ours = there.iter().filter(|it| is_ours(&it.pinned.name));
        for orphan in ours.filter(|it| !wanted.contains_key(&it.pinned.name)) {
            end(orphan);
        }
        for (name, wanted) in wanted {
            let there = there.iter().find(|it| it.pinned.name == name);
            match there.filter(|it| it.is(&wanted.rule, &wanted.cgroup)) {
                Some(holds) => {
                    let protected = holds.pinned.counts.map_or(0, |counts| counts.protected);
                    *counts.entry(wanted.policy).or_default() += protected;
                }
                None => self.make(&name, &wanted),
            }
        }
        counts
    }

    fn make(&mut self, name: &str, wanted: &Wanted) {
        match replace(&wanted.cgroup, &wanted.rule, name) {
            Ok(_) => info!(
                policy = %wanted.policy,
                cgroup = %wanted.cgroup.display(),
                "new connections are protected from their first packet on"
            ),
            Err(error) => self.unavailable(&error),
        }
    }

    fn unavailable(&mut self, error: &NewConnectionsError) {
        self.say(format!(
            "new connections are protected only by sweeps: {error}"
        ));
    }

    fn say(&mut self, what: String) {
        if self.said.insert(what.clone()) {
            warn!("{what}");
        }
    }

    fn wanted(
        &mut self,
        config: &Config,
        kernel: &Kernel,
        everywhere: bool,
    ) -> BTreeMap<String, Wanted> {
        let mut all = BTreeMap::new();
        for (place, policy) in config.policies.iter().enumerate() {
            if policy.protect != Mode::Enforce {
                continue;
            }
            // A deadline that no options keep was refused before.
            let Ok(aim) = Aim::new(&policy.terms, kernel) else {
                continue;
            };
            let cgroups = match reach(config, place, everywhere) {
                Ok(cgroups) => cgroups,
                Err(why) => {
                    self.say(format!(
                        "policy {}: new connections are protected only by sweeps, because {why}",
                        policy.name
                    ));
                    continue;
                }
            };
            for cgroup in cgroups {
                let Some(number) = cgroup::number(&cgroup) else {
                    continue;
                };
                let wanted = Wanted {
                    policy: policy.name.clone(),
                    rule: rule(&aim, false),
                    cgroup,
                };
                all.insert(name(policy, number, &self.tag), wanted);
            }
        }
        all
    }
}

/// The cgroups that a policy's rule is for, or why there can be none.
fn reach(config: &Config, place: usize, everywhere: bool) -> Result<Vec<PathBuf>, &'static str> {
    let anywhere = |policy: &&Policy| policy.netns.is_empty();
    let chosen = config.policies.get(place).filter(anywhere);
    let chosen = chosen.map(|policy| &policy.selector);
    let Some(cgroups) = chosen.and_then(deadpeer_host::Selector::whole_cgroups) else {
        return Err("a rule in the kernel knows only cgroups and containers");
    };
    if !everywhere && cgroups.iter().any(|cgroup| cgroup == Path::new("/")) {
        return Err("not all of the machine is guarded");
    }
    let before = config.policies.iter().take(place);
    let before = before.map(|policy| &policy.selector).chain(&config.never);
    for other in before {
        let apart = other.whole_cgroups().is_some_and(|others| {
            let mut pairs = others
                .iter()
                .flat_map(|it| cgroups.iter().map(move |our| (it, our)));
            !pairs.any(|(other, our)| other.starts_with(our) || our.starts_with(other))
        });
        if !apart {
            return Err(
                "a rule in the kernel cannot leave out what never or an earlier policy chooses",
            );
        }
    }
    Ok(cgroups)
}

fn end(orphan: &Standing) {
    let name = &orphan.pinned.name;
    match orphan.pinned.remove() {
        Ok(()) => info!("{name} has ended: no policy needs it any more"),
        Err(error) => warn!("{name} could not be ended: {error}"),
    }
}

/// The same of a directory in every version (FNV-1a).
fn tag(directory: &Path) -> String {
    let bytes = directory.as_os_str().as_encoded_bytes().iter();
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!(":{hash:08x}")
}

/// What a BPF file system takes for a name: that of the policy, the number of the cgroup, and whose
/// it is.
fn name(policy: &Policy, cgroup: u64, tag: &str) -> String {
    let plain = policy.name.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("_{other:02x}"),
    });
    format!("{OURS}{}:{cgroup}{tag}", plain.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(policies: &[&str], never: &[&str]) -> Result<Vec<PathBuf>, &'static str> {
        let mut config = Config::default();
        let selector = |text: &&str| toml::from_str(text).unwrap();
        config.never = never.iter().map(selector).collect();
        let default = config.policies.remove(0);
        config.policies.extend(policies.iter().map(|text| Policy {
            selector: selector(text),
            ..default.clone()
        }));
        reach(&config, policies.len() - 1, true)
    }

    #[test]
    fn a_rule_is_for_those_that_it_can_tell_from_others() {
        assert_eq!(reached(&[""], &[]), Ok(vec!["/".into()]));
        assert!(reached(&["port = 80"], &[]).is_err());
        let mut config = Config::default();
        config.policies[0].netns = vec![deadpeer_host::Namespace::Own];
        assert!(reach(&config, 0, true).is_err());
        assert!(reached(&["process = \"sshd\"", ""], &[]).is_err());
        assert!(reached(&["cgroup = \"/\"", ""], &[]).is_err());
        assert!(reached(&[""], &["process = \"sshd\""]).is_err());
        // What is not there is apart.
        let apart = reached(&["cgroup = \"/no/such\"", ""], &[]);
        assert_eq!(apart, Ok(vec!["/".into()]));
    }

    #[test]
    fn names_are_told_apart_and_taken() {
        let mut policy = Config::default().policies.remove(0);
        policy.name = "a/b c.d".into();
        let (one, other) = (tag(Path::new("/var/lib/deadpeer")), tag(Path::new("/tmp")));
        assert_ne!(one, other);
        let name = name(&policy, 7, &one);
        assert_eq!(name, format!("guard:a_2fb_20c_2ed:7{one}"));
    }
}
