//! What the guard shows of itself: its configuration, what it lacks, what it holds.

use std::time::{Duration, SystemTime};

use deadpeer_sys::clock;
use tracing::warn;

use super::{Guard, REST};
use crate::config::Policy;
use crate::event::{KillResult, Mode};
use crate::heart::Whom;
use crate::late;
use crate::readings::{HoldReason, Holding, QuestionResult};

impl Guard {
    /// A configuration was wrong, and the one before stays.
    pub fn note_wrong_configuration(&mut self) {
        self.note_configuration(false);
    }

    pub(super) fn note_configuration(&mut self, ok: bool) {
        let configured = &mut self.readings.configured;
        configured.last_reload_ok = ok;
        if ok {
            configured.since = Some(SystemTime::now());
            configured.policies = self.config.policies.len();
            let kernel = self.realms.tables.kernel();
            let policies = self.config.policies.iter();
            let supervise = policies.filter(|policy| policy.supervise == Mode::Enforce);
            let late = |policy: &Policy| {
                let latest = late::behind_a_closed_window(policy.deadline(), &kernel);
                let latest = latest + self.config.interval();
                (policy.name.clone(), policy.deadline(), latest)
            };
            self.readings.closed_windows = supervise.map(late).collect();
            self.begin_counts();
        }
    }

    /// Sweeps begin so far apart.
    pub(crate) fn note_pace(&mut self, apart: Duration) {
        self.readings.swept.apart = apart;
        self.note_lacks();
    }

    pub(super) fn note_lacks(&mut self) {
        self.readings.ebpf = self.realms.uses_ebpf();
        let mut lacks = self.lacks();
        lacks.extend(self.realms.not_guarded());
        lacks.extend(self.lacks_speed());
        self.readings.lacks = lacks;
    }

    /// Half as far apart again is noise.
    fn lacks_speed(&self) -> Option<String> {
        let (apart, interval) = (self.readings.swept.apart, self.config.interval());
        (apart > interval * 3 / 2).then(|| {
            let [apart, interval] = [apart, interval].map(|time| time.as_secs_f64());
            format!(
                "sweeps come every {apart:.1} s instead of every {interval:.1} s, because they take at most 1/{REST} of a processor: dead peers are destroyed that much later"
            )
        })
    }

    /// A count that is there from the beginning can be seen to grow by one.
    fn begin_counts(&mut self) {
        for policy in &self.config.policies {
            let results: &[KillResult] = match policy.kill {
                Mode::Off => &[],
                Mode::Observe => &[KillResult::WouldDestroy],
                Mode::Enforce => &[KillResult::Destroyed, KillResult::Failed],
            };
            for result in results {
                let count = (policy.name.clone(), policy.kill, *result);
                self.readings.kills.entry(count).or_default();
            }
        }
    }

    pub(super) fn count_answers(&mut self) {
        for service in self.heart.take_answered() {
            if let Some(name) = self.services.name(service) {
                let count = (name.clone(), QuestionResult::Answered);
                *self.readings.questions.entry(count).or_default() += 1;
            }
        }
    }

    pub(super) fn note_holds(&mut self) {
        let (now, wall) = (clock::monotonic(), SystemTime::now());
        let holds: Vec<Holding> = self
            .heart
            .holding()
            .map(|(hold, since)| Holding {
                reason: hold.reason,
                service: match hold.whom {
                    Whom::Service(id) => self.services.name(id).cloned(),
                    Whom::All | Whom::Namespace(_) => None,
                },
                netns: match hold.whom {
                    Whom::Namespace(number) => Some(number),
                    Whom::All | Whom::Service(_) => None,
                },
                since: wall - now.saturating_sub(since),
            })
            .collect();
        let begins = |hold: &&Holding| {
            let before = &self.readings.holding;
            let of = |it: &Holding| (it.reason, it.service.clone(), it.netns);
            let same = |old: &Holding| of(old) == of(hold);
            !before.iter().any(same)
        };
        for hold in holds.iter().filter(begins) {
            if hold.reason == HoldReason::ManySilent {
                warn!(
                    service = hold.service.as_ref().map(|it| it.to_string()),
                    "so many peers fell silent at once that it may well be us: none of them is destroyed"
                );
            }
        }
        self.readings.holding = holds;
    }
}
