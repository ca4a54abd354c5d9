//! Connections as they died, and how that was seen.

use std::path::Path;

use deadpeer_core::close_reason::{CloseCause, Limit};
use deadpeer_report::duration::milliseconds;
use deadpeer_report::plural::plural_of;
use deadpeer_report::raw::RawText;
use deadpeer_report::record;

use super::place::place;
use crate::deaths::{Age, Death, DeathCounts, Deaths, KnownBy, LastOwner, Means, ServiceName};
use crate::table::Role;

impl Deaths {
    /// What cannot be seen, as sentences.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.means() == Means::SockDiag {
            let why = match self.without_bpf() {
                Some(why) => format!("No eBPF: {why}. "),
                None => String::new(),
            };
            remarks.push(format!(
                "{why}Without eBPF a death shows when its owner closes the connection, or within seconds; the kernel's error does not show, \
                 so causes are likely, not certain, and unknown where counters leave them open; and of connections that live shorter than a second the owner does not show."
            ));
        }
        if self.only_here() {
            remarks.push("Without eBPF one network namespace is watched: connections in others, such as those of containers, die unseen.".to_owned());
        }
        if self.unreadable_processes() > 0 {
            remarks.push(format!(
                "No permission to read the descriptors of {} (needs CAP_SYS_PTRACE): their connections may die without a name.",
                plural_of(self.unreadable_processes() as u64, "process", "processes")
            ));
        }
        remarks
    }

    /// The record of how deaths are seen.
    #[must_use]
    pub fn to_record(&self) -> record::Watch {
        let means = match self.means() {
            Means::Bpf => "bpf",
            Means::SockDiag => "sock-diag",
        };
        record::Watch {
            means: means.into(),
            without_bpf: self.without_bpf().map(ToString::to_string),
            remarks: self.remarks(),
        }
    }
}

impl From<&Death> for record::Death {
    fn from(death: &Death) -> Self {
        let cause = death.reason.cause;
        let owner = death.owner.as_ref();
        let workload = owner.and_then(|owner| owner.process.workload());
        Self {
            place: place(death.netns.as_deref(), workload.map(|it| &**it)),
            at: humantime::format_rfc3339_micros(death.at).to_string(),
            cause: cause.word().into(),
            text: cause.to_string(),
            certain: death.reason.certain,
            decided_by: death.reason.limit.as_ref().map(limit),
            advice: death.reason.advice().map(Into::into),
            local: death.local.to_string(),
            peer: death.peer.to_string(),
            direction: direction(death.role).0.into(),
            state: death.last.state.map(|state| state.name().into()),
            owner: death.owner.as_ref().map(Into::into),
            destroyed_by: death.destroyer.as_ref().map(Into::into),
            uid: death.uid,
            cgroup: death.cgroup,
            cgroup_path: None,
            cookie: death.cookie,
            age_ms: death.age.map(|age| milliseconds(age.duration())),
            age_exact: matches!(death.age, Some(Age::Exactly(_))),
            silent_ms: death.last.silence.map(milliseconds),
            tcpi_bytes_received: death.bytes_received,
            tcpi_bytes_acked: death.bytes_acked,
            received_bytes: death.payload_received,
            acked_bytes: death.payload_acked,
            unread_bytes: death.last.unread,
            unacked_bytes: death.unacked,
            tcpi_probes: death.last.probes,
            tcpi_retransmits: death.last.retransmits,
            settings: death.last.settings.as_ref().map(Into::into),
        }
    }
}

impl Death {
    /// The record with the path of its cgroup.
    #[must_use]
    pub fn to_record_at(&self, cgroup: Option<&Path>) -> record::Death {
        record::Death {
            cgroup_path: cgroup.map(RawText::from),
            ..self.into()
        }
    }
}

fn limit(limit: &Limit) -> record::Limit {
    let setting = match limit {
        Limit::UserTimeout(_) => "tcp_user_timeout",
        Limit::Keepalive { .. } => "keepalive",
        Limit::Retries2(_) => "tcp_retries2",
        Limit::OrphanRetries(_) => "tcp_orphan_retries",
        Limit::SynCount(_) => "tcp_syncnt",
        Limit::SynRetries(_) => "tcp_syn_retries",
        _ => "other",
    };
    record::Limit {
        setting: setting.into(),
        text: limit.to_string(),
    }
}

impl From<&LastOwner> for record::LastOwner {
    fn from(owner: &LastOwner) -> Self {
        let known_by = match owner.known_by {
            KnownBy::Closing => "closing",
            KnownBy::Holding => "holding",
            KnownBy::Connecting => "connecting",
            KnownBy::Listening => "listening",
        };
        Self {
            process: owner.process.name().into(),
            pid: owner.process.pid(),
            known_by: known_by.into(),
        }
    }
}

impl DeathCounts {
    /// The records of how often each service's connections died of each cause, the most frequent
    /// first.
    #[must_use]
    pub fn to_records(&self) -> Vec<record::DeathCount> {
        let count = |(service, cause, deaths): (&ServiceName, CloseCause, u64)| {
            let (direction, port) = direction(service.role);
            record::DeathCount {
                process: service.process.as_deref().map(RawText::from),
                direction: direction.into(),
                port,
                cause: cause.word().into(),
                deaths,
            }
        };
        self.rows().into_iter().map(count).collect()
    }
}

fn direction(role: Role) -> (&'static str, u16) {
    match role {
        Role::Outgoing(port) => ("outgoing", port),
        Role::Listening(address) => ("accepted", address.port()),
        Role::Accepted(port) => ("accepted", port),
    }
}
