//! What happened and how things stand, as records.

use std::time::{Duration, SystemTime};

use deadpeer_host::place;
use deadpeer_report::duration::milliseconds;
use deadpeer_report::record::{self, GuardClosedWindow, GuardHolding, GuardStatus, Guarded};

use crate::event::{Event, Judged, KillResult, Mode, Sentence, WhySpared};
use crate::readings::{HoldReason, Readings, What};

impl Event {
    /// The record of it; `None` for a death, which has one of its own, and for a sign of life.
    #[must_use]
    pub fn to_record(&self) -> Option<Guarded> {
        let Self::Judged(judged) = self else {
            return None;
        };
        let Judged {
            at,
            subject,
            evidence,
            sentence,
        } = &**judged;
        let (result, spared) = match sentence {
            Sentence::Killed(result) => (result.word(), None),
            Sentence::Spared(why) => ("spared", Some(why.word())),
        };
        Some(Guarded {
            at: humantime::format_rfc3339_millis(*at).to_string(),
            result: result.into(),
            spared: spared.map(Into::into),
            policy: subject.policy.to_string(),
            local: subject.local.to_string(),
            peer: subject.peer.to_string(),
            cookie: subject.cookie,
            place: record::Place {
                netns: Some(subject.namespace),
                ..place(None, subject.workload.as_deref())
            },
            process: subject.service.process.as_deref().map(Into::into),
            pid: subject.pid,
            silent_ms: milliseconds(evidence.silence),
            unanswered: evidence.unanswered,
            needed: evidence.needed,
        })
    }
}

impl Readings {
    /// The record of how the guard of this process stands.
    #[must_use]
    pub fn to_record(&self) -> GuardStatus {
        let killed = |mode, result| {
            let kills = self.kills.iter();
            kills
                .filter(|((_, how, what), _)| (*how, *what) == (mode, result))
                .map(|(_, count)| count)
                .sum()
        };
        let now = SystemTime::now();
        GuardStatus {
            pid: std::process::id(),
            sweeps: self.swept.sweeps,
            sweep_ms: milliseconds(self.swept.took),
            connections: self.swept.connections,
            asked: self.swept.asked,
            namespaces: self.swept.namespaces,
            namespaces_unread: self.swept.namespaces_closed,
            destroyed: killed(Mode::Enforce, KillResult::Destroyed),
            would_destroy: killed(Mode::Observe, KillResult::WouldDestroy),
            spared: self.spared.values().sum(),
            changed: self.changes.values().sum(),
            holding: (self.holding.iter())
                .map(|hold| GuardHolding {
                    reason: hold.reason.word().into(),
                    service: hold
                        .service
                        .as_ref()
                        .map(|name| name.to_string().as_bytes().into()),
                    netns: hold.netns,
                    for_ms: milliseconds(now.duration_since(hold.since).unwrap_or(Duration::ZERO)),
                })
                .collect(),
            policies: self.configured.policies as u64,
            last_reload_ok: self.configured.last_reload_ok,
            deaths_lost: self.deaths_lost,
            lacks: self.lacks.clone(),
            closed_windows: (self.closed_windows.iter())
                .map(|(policy, within, latest)| GuardClosedWindow {
                    policy: policy.to_string(),
                    within_ms: milliseconds(*within),
                    closed_window_ms: milliseconds(*latest),
                })
                .collect(),
        }
    }
}

impl KillResult {
    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::WouldDestroy => "would-destroy",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

impl WhySpared {
    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::RateLimit => "rate-limit",
            Self::OurOwn => "our-own",
            Self::Answered => "answered",
            Self::Hook => "hook",
            Self::LeftToKernel => "left-to-kernel",
        }
    }
}

impl What {
    /// The word for programs, and its key in a configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Protect => "protect",
            Self::Supervise => "supervise",
            Self::NewConnections => "new-connections",
        }
    }
}

impl HoldReason {
    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ManySilent => "many-silent",
            Self::Network => "network",
            Self::Slept => "slept",
            Self::Asked => "asked",
        }
    }

    /// As a part of a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ManySilent => "so many peers fell silent at once that it may well be us",
            Self::Network => "this machine lost a link, an address or a route",
            Self::Slept => "the machine slept",
            Self::Asked => "somebody asked for it",
        }
    }
}
