//! Deaths and kills as log records, with the attributes of OpenTelemetry's semantic conventions
//! (network, process, container, k8s) and our own.

use std::net::SocketAddr;
use std::time::SystemTime;

use deadpeer_core::TcpState;
use deadpeer_host::Workload;
use deadpeer_report::duration::milliseconds;

use super::proto::{Any, LogRecord, LogsRequest, ResourceLogs, ScopeLogs};
use super::values::{Attributes, any, nanoseconds, resource, scope};
use crate::event::{Died, Event, Judged, KillResult, Sentence};

/// Severity numbers (Logs Data Model, "Severity Fields").
const INFO: (i32, &str) = (9, "INFO");
const WARN: (i32, &str) = (13, "WARN");

/// The request that carries these records.
pub(super) fn request(records: Vec<Vec<u8>>) -> LogsRequest {
    LogsRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource()),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records: records,
            }],
        }],
    }
}

/// What a collector is told of.
pub(super) enum News<'e> {
    Death(&'e Died),
    Kill(&'e Judged, KillResult),
}

impl<'e> News<'e> {
    /// `None`: it is no news.
    pub(super) fn of(event: &'e Event) -> Option<Self> {
        match event {
            Event::Died(died) if !died.death.is_ordinary() => Some(Self::Death(died)),
            Event::Judged(judged) => match judged.sentence {
                Sentence::Killed(result) => Some(Self::Kill(judged, result)),
                Sentence::Spared(_) => None,
            },
            Event::Died(_) | Event::Survived(_) => None,
        }
    }

    /// The record of it.
    pub(super) fn record(&self, now: SystemTime) -> LogRecord {
        match self {
            Self::Death(died) => of_death(died, now),
            Self::Kill(judged, result) => of_kill(judged, *result, now),
        }
    }
}

fn of_death(died: &Died, now: SystemTime) -> LogRecord {
    let death = &died.death;
    let mut attributes = Attributes::default();
    ends(&mut attributes, death.local, death.peer);
    if let Some(state) = death.last.state {
        attributes.text("network.connection.state", state_word(state));
    }
    if let Some(owner) = &death.owner {
        let process = &owner.process;
        attributes.number("process.pid", process.pid());
        let name = String::from_utf8_lossy(process.name());
        attributes.text("process.executable.name", name);
        if let Some(workload) = process.workload() {
            place(&mut attributes, workload);
        }
    }
    attributes.text("deadpeer.cause", death.reason.cause.word());
    attributes.truth("deadpeer.cause.certain", death.reason.certain);
    if let Some(destroyer) = &death.destroyer {
        let name = String::from_utf8_lossy(destroyer.process.name());
        attributes.text("deadpeer.destroyed_by", name);
    }
    attributes.truth("deadpeer.by_guard", died.by_guard);
    if let Some(policy) = &died.policy {
        attributes.text("deadpeer.policy", &**policy);
    }
    whose(&mut attributes, died.namespace, death.cookie);
    let times = [
        ("deadpeer.silence_ms", death.last.silence),
        ("deadpeer.age_ms", death.age.map(|age| age.duration())),
    ];
    for (key, time) in times {
        if let Some(time) = time {
            attributes.number(key, milliseconds(time));
        }
    }
    let counts = [
        ("deadpeer.received_bytes", death.payload_received),
        ("deadpeer.acked_bytes", death.payload_acked),
        ("deadpeer.unread_bytes", death.last.unread.map(u64::from)),
        ("deadpeer.unacked_bytes", death.unacked.map(u64::from)),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            attributes.number(key, count);
        }
    }
    let said = death.reason.cause.to_string();
    log(
        "deadpeer.connection.died",
        INFO,
        death.at,
        now,
        &said,
        attributes,
    )
}

fn of_kill(killed: &Judged, result: KillResult, now: SystemTime) -> LogRecord {
    let (subject, evidence) = (&killed.subject, &killed.evidence);
    let mut attributes = Attributes::default();
    ends(&mut attributes, subject.local, subject.peer);
    if let Some(pid) = subject.pid {
        attributes.number("process.pid", pid);
    }
    if let Some(name) = &subject.service.process {
        attributes.text("process.executable.name", String::from_utf8_lossy(name));
    }
    if let Some(workload) = &subject.workload {
        place(&mut attributes, workload);
    }
    attributes.text("deadpeer.result", result.word());
    attributes.text("deadpeer.policy", &*subject.policy);
    whose(&mut attributes, Some(subject.namespace), subject.cookie);
    attributes.number("deadpeer.silence_ms", milliseconds(evidence.silence));
    attributes.number("deadpeer.unanswered", evidence.unanswered);
    attributes.number("deadpeer.needed", evidence.needed);
    attributes.share("deadpeer.failing", evidence.failing);
    let severity = match result {
        KillResult::Failed => WARN,
        KillResult::Destroyed | KillResult::WouldDestroy | KillResult::Gone => INFO,
    };
    let (name, said) = ("deadpeer.connection.judged", result.words());
    log(name, severity, killed.at, now, said, attributes)
}

fn log(
    name: &str,
    (number, text): (i32, &str),
    at: SystemTime,
    now: SystemTime,
    said: &str,
    attributes: Attributes,
) -> LogRecord {
    LogRecord {
        time_unix_nano: nanoseconds(at),
        observed_time_unix_nano: nanoseconds(now),
        severity_number: number,
        severity_text: text.to_owned(),
        body: Some(any(Any::Text(said.to_owned()))),
        attributes: attributes.end(),
        event_name: name.to_owned(),
    }
}

fn ends(attributes: &mut Attributes, local: SocketAddr, peer: SocketAddr) {
    let family = if local.is_ipv4() { "ipv4" } else { "ipv6" };
    attributes.text("network.transport", "tcp");
    attributes.text("network.type", family);
    attributes.text("network.local.address", local.ip().to_string());
    attributes.number("network.local.port", local.port());
    attributes.text("network.peer.address", peer.ip().to_string());
    attributes.number("network.peer.port", peer.port());
}

fn whose(attributes: &mut Attributes, namespace: Option<u64>, cookie: u64) {
    if let Some(number) = namespace {
        attributes.number("deadpeer.netns", number);
    }
    attributes.number("deadpeer.cookie", cookie);
}

fn place(attributes: &mut Attributes, workload: &Workload) {
    let container = workload.container.as_ref();
    if let Some(id) = container.and_then(|container| container.id.as_deref()) {
        attributes.text("container.id", id);
    }
    let name = container.and_then(|container| container.name.as_deref());
    let Some(pod) = &workload.pod else {
        if let Some(name) = name {
            attributes.text("container.name", name);
        }
        return;
    };
    if let Some(name) = name {
        attributes.text("k8s.container.name", name);
    }
    attributes.text("k8s.pod.uid", &*pod.uid);
    if let Some((namespace, name)) = &pod.name {
        attributes.text("k8s.namespace.name", &**namespace);
        attributes.text("k8s.pod.name", &**name);
    }
}

/// In the words of RFC 9293, as the semantic conventions write them.
fn state_word(state: TcpState) -> String {
    match state.name() {
        "close" => "closed".to_owned(),
        "syn-recv" => "syn_received".to_owned(),
        other => other.replace('-', "_"),
    }
}
