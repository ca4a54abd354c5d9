//! What is to be protected, what was, and what protects connections still to come.

use std::fmt;

use deadpeer_bpf::Pinned;
use deadpeer_core::{Notice, Snapshot, SocketOptions};
use deadpeer_report::Gap;
use deadpeer_report::raw::RawText;
use deadpeer_report::record::{
    Failed, ProtectPlan, ProtectSummary, ProtectSysctl, StandingProtection,
};

use super::place::place;
use crate::protect::new_connections::Standing;
use crate::protect::{Aim, Change, Failure, Fate, Outcome, Part, Step, Survey};
use crate::table::{Netns, Role};
use crate::undo::UndoFile;

impl Part {
    /// The record of what is to be done with these sockets.
    #[must_use]
    pub fn to_record(&self, aim: &Aim, netns: &Netns) -> ProtectPlan {
        let (address, port) = match self.role {
            Role::Listening(address) => (Some(address.to_string()), address.port()),
            Role::Accepted(port) | Role::Outgoing(port) => (None, port),
        };
        let change = self.fate.change();
        ProtectPlan {
            place: place(Some(netns), self.workload.as_deref()),
            process: self.process.as_deref().map(RawText::from),
            address,
            port,
            listeners: self.are_listeners(),
            sockets: self.count,
            before: self.before.as_ref().map(Into::into),
            before_notices_in: self.notices_before(aim).map(Into::into),
            fate: self.fate.word().into(),
            unseen_because: match self.fate {
                Fate::Unseen(why) => Some(why.reason().into()),
                Fate::Judged(_) | Fate::CloseWait | Fate::Supervised => None,
            },
            own_choice: change.map(|change| change.own_choice),
            set: change.map(|change| (&change.options).into()),
            after: change.map(|change| (&change.after).into()),
            after_notices_in: self.notices_after(aim).map(Into::into),
        }
    }

    /// When a vanished peer is noticed as things are: in the worst of the silences that may still
    /// come over a connection in its state, and by the timers that are armed now; `None`: not
    /// known, or its program decides.
    #[must_use]
    pub fn notices_before(&self, aim: &Aim) -> Option<Notice> {
        let decides = self.fate == Fate::Supervised;
        let settings = self.before.as_ref().filter(|_| !decides)?;
        let moment = Snapshot::new(self.state);
        let told = aim.forecast_at_present(settings, &moment);
        or_later(told.worst_with(&moment), self.armed.before)
    }

    /// The same once what is to be done is done; `None`: nothing is.
    #[must_use]
    pub fn notices_after(&self, aim: &Aim) -> Option<Notice> {
        let change = self.fate.change()?;
        let moment = Snapshot::new(self.state);
        let told = aim.forecast(&change.after, &moment);
        or_later(told.worst_with(&moment), self.armed.after)
    }
}

fn or_later(worst: Option<Notice>, armed: Option<Notice>) -> Option<Notice> {
    worst.into_iter().chain(armed).reduce(Notice::later_of)
}

impl Aim {
    /// The record of the sysctl that is to be set; `None`: there is none.
    #[must_use]
    pub fn to_sysctl_record(&self) -> Option<ProtectSysctl> {
        let change = self.sysctl()?;
        let (now, then) = self.plan().for_everybody(self.kernel());
        Some(ProtectSysctl {
            name: change.sysctl.name().into(),
            before: change.before,
            after: change.after,
            untouched_in_flight_before: now.into(),
            untouched_in_flight_after: then.into(),
        })
    }
}

impl Fate {
    /// What is to be changed, if anything is.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Judged(Step::Change(change)) => Some(change),
            Self::Judged(_) | Self::CloseWait | Self::Supervised | Self::Unseen(_) => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Judged(Step::Fine) => "fine",
            Self::Judged(Step::Change(_)) => "change",
            Self::Judged(Step::KeptForApplication) => "kept-for-application",
            Self::Judged(Step::Helpless) => "helpless",
            Self::Judged(Step::Overwritten) => "overwritten",
            Self::CloseWait => "close-wait",
            Self::Supervised => "supervised",
            Self::Unseen(_) => "unseen",
        }
    }
}

impl Outcome {
    /// The record of what was changed. `without_ebpf`: why the kernel itself was not used.
    #[must_use]
    pub fn to_record(&self, undo: &UndoFile, without_ebpf: Option<&str>) -> ProtectSummary {
        let failed = self.failed.iter().map(|(failure, count)| Failed {
            sockets: *count,
            because: failure.to_string(),
        });
        ProtectSummary {
            netns: Some(undo.record().network_namespace),
            within_ms: undo.record().within_ms.unwrap_or(0),
            changed: self.changed,
            gone: self.gone,
            failed: failed.collect(),
            sysctls: undo.record().sysctls.iter().map(Into::into).collect(),
            undo_file: undo.is_written().then(|| undo.path().into()),
            without_ebpf_because: without_ebpf.map(str::to_owned),
            ..ProtectSummary::default()
        }
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn name(name: &Option<Box<[u8]>>) -> Option<String> {
    name.as_deref().map(text)
}

impl Survey {
    /// What programs set on connections before these were changed by what is on record, where no
    /// other shows what they set now.
    pub fn not_shown_yet(&self) -> impl Iterator<Item = Gap> {
        self.overwriting.iter().map(|found| Gap::NotShownYet {
            process: name(&found.process),
            port: found.port,
            connections: found.connections,
            sets: Sets(&found.sets).to_string(),
            notices_in: found.notices.latest(),
        })
    }

    /// What won't hold, for open connections or for those still to come.
    pub fn promises_not_kept(&self) -> impl Iterator<Item = Gap> {
        let overwriting = self.overwriting.iter().map(|found| Gap::Overwritten {
            process: name(&found.process),
            port: found.port,
            connections: found.connections,
            sets: Sets(&found.sets).to_string(),
            rule: found.rule.clone(),
            notices_in: found.notices.latest(),
            one_lost_probe_is_fatal: found.survives == Some(0),
        });
        let ahead = (self.armed_ahead.connections > 0).then_some(Gap::ArmedAhead {
            connections: self.armed_ahead.connections,
            fires_in: self.armed_ahead.fires_in,
            ends_in: self.armed_ahead.ends_in,
        });
        let close_wait = self.close_wait().into_iter();
        let close_wait = close_wait.map(|(process, connections)| Gap::CloseWait {
            process: name(process),
            connections,
        });
        let unknown = &self.nothing_accepted;
        let unknown = (unknown.listeners > 0).then(|| Gap::NothingAccepted {
            listeners: unknown.listeners,
            known: unknown.known.iter().map(|name| text(name)).collect(),
        });
        overwriting.chain(ahead).chain(close_wait).chain(unknown)
    }

    /// How many connections each program leaves in CLOSE_WAIT that are left alone.
    fn close_wait(&self) -> Vec<(&Option<Box<[u8]>>, u64)> {
        let mut programs: Vec<(_, u64)> = Vec::new();
        let left = |part: &&Part| part.fate == Fate::CloseWait;
        for part in self.parts.iter().filter(left) {
            match programs
                .iter_mut()
                .find(|(known, _)| *known == &part.process)
            {
                Some((_, count)) => *count += part.count,
                None => programs.push((&part.process, part.count)),
            }
        }
        programs
    }

    /// The record of a rehearsal for a deadline, in milliseconds.
    #[must_use]
    pub fn to_record(&self, within_ms: u64) -> ProtectSummary {
        ProtectSummary {
            netns: self.netns,
            within_ms,
            nothing_done: true,
            would_change: self.changes() as u64,
            ..ProtectSummary::default()
        }
    }
}

/// What a program sets, in short.
struct Sets<'a>(&'a SocketOptions);

impl fmt::Display for Sets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(options) = self;
        let times = [options.keepidle_s, options.keepintvl_s, options.keepcnt];
        let mut all = Vec::new();
        if options.keepalive == Some(false) {
            all.push("keepalive off".to_owned());
        } else if times.iter().any(Option::is_some) || options.keepalive.is_some() {
            let time = |time: Option<u32>| time.map_or_else(|| "-".to_owned(), |n| n.to_string());
            all.push(format!("keepalive {}", times.map(time).join("/")));
        }
        all.extend(
            options
                .user_timeout_ms
                .map(|ms| format!("user timeout {ms} ms")),
        );
        f.write_str(&all.join(" and "))
    }
}

/// Why a socket is as it was.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why.reason()),
            Self::Overtaken => {
                f.write_str("its program changed its options meanwhile; run this again")
            }
            Self::Lacking(option) => write!(f, "it has no {option}"),
            Self::Refused => f.write_str("the kernel refused an option"),
        }
    }
}

impl From<&Standing> for StandingProtection {
    fn from(standing: &Standing) -> Self {
        let Pinned {
            name,
            cgroup,
            rule,
            counts,
            ..
        } = &standing.pinned;
        Self {
            name: name.clone(),
            cgroup: standing.cgroup.as_deref().map(RawText::from),
            holds: cgroup.is_some(),
            set: rule.as_ref().map(|rule| (&rule.calm.options).into()),
            protected: counts.map(|counts| counts.protected),
            spared: counts.map(|counts| counts.spared),
            refused: counts.map(|counts| counts.refused),
            overruled: counts.map(|counts| counts.overruled),
            outdated: standing.pinned.outdated,
        }
    }
}
