//! Connections, listeners and services as they were judged.

use deadpeer_core::forecast::Waiting;
use deadpeer_core::{Finding, Notice};
use deadpeer_report::duration::{milliseconds, milliseconds_up};
use deadpeer_report::raw::RawText;
use deadpeer_report::record;

use super::hanging::role;
use super::place::place;
use crate::audit::{
    Audit, Audited, Basis, Bound, Compliance, GivenUp, Machine, Tally, Worst, Worsts,
};
use crate::table::{ReadBy, Service};
use crate::{ArmedTimer, TimerKind};

impl Audited<'_> {
    /// The record of a connection.
    #[must_use]
    pub fn to_record(&self) -> record::Connection {
        let (socket, judged) = (self.connection.socket, self.judgement);
        let info = self.moment.info.as_ref();
        record::Connection {
            socket: self.socket(),
            peer: socket.peer.to_string(),
            timer: socket.timer.map(timer),
            idiag_rqueue: socket.rqueue,
            idiag_wqueue: socket.wqueue,
            tcpi_unacked: info.and_then(|info| info.unacked),
            tcpi_retransmits: info.and_then(|info| info.retransmits),
            tcpi_probes: info.and_then(|info| info.probes),
            tcpi_backoff: info.and_then(|info| info.backoff),
            tcpi_rto_us: info.and_then(|info| info.rto_us),
            tcpi_rtt_us: info.and_then(|info| info.rtt_us),
            tcpi_last_data_sent_ms: info.and_then(|info| info.last_data_sent_ms),
            tcpi_last_data_recv_ms: info.and_then(|info| info.last_data_recv_ms),
            tcpi_last_ack_recv_ms: info.and_then(|info| info.last_ack_recv_ms),
            tcpi_snd_wnd: info.and_then(|info| info.snd_wnd),
            ends: self.ends().map(Into::into),
            waiting: judged.waiting.map(waiting),
            unread: judged.unread.map(|unread| record::Unread {
                bytes: unread.bytes,
                since_ms: milliseconds(unread.since),
            }),
            given_up: judged.given_up.map(Into::into),
        }
    }

    /// When it ends, its peer gone now; not told where its program decides.
    fn ends(&self) -> Option<Notice> {
        let judged = self.judgement;
        let options = judged.basis.options();
        let options = options.filter(|_| judged.idle != Bound::ByProgram);
        let snapshot = &self.moment.snapshot;
        judged
            .ends
            .or_else(|| snapshot.ends(options?, self.audit.kernel()))
    }

    /// The record of a listener.
    #[must_use]
    pub fn to_listener_record(&self) -> record::Listener {
        let socket = self.connection.socket;
        record::Listener {
            socket: self.socket(),
            accept_queue: socket.rqueue,
            accept_queue_max: socket.wqueue,
        }
    }

    fn socket(&self) -> record::Socket {
        let (socket, judged) = (self.connection.socket, self.judgement);
        let owners = self.connection.owners().map(|owner| record::Owner {
            process: owner.process.name().into(),
            pid: owner.process.pid(),
            fd: owner.fd,
        });
        let findings = judged.findings.iter().map(|finding| record::Finding {
            code: finding.code().into(),
            text: finding.to_string(),
            options: match *finding == Finding::NotInherited {
                true => judged
                    .not_inherited
                    .iter()
                    .map(|option| (*option).into())
                    .collect(),
                false => Vec::new(),
            },
        });
        let (settings_from, settings_unknown) = source(&judged.basis);
        record::Socket {
            place: place(Some(self.netns), self.workload),
            local: socket.local.to_string(),
            state: socket.state.name().into(),
            owners: owners.collect(),
            uid: socket.uid,
            inode: socket.inode.map(Into::into),
            cookie: socket.cookie,
            settings: judged.basis.options().map(Into::into),
            settings_from: settings_from.into(),
            settings_unknown: settings_unknown.map(Into::into),
            notices_in: judged
                .basis
                .options()
                .map(|options| (&self.audit.forecast(options, &self.moment.snapshot)).into()),
            proven: matches!(judged.basis, Basis::Unread(_)).then(|| record::Proven {
                idle: judged.idle.into(),
                in_flight: judged.in_flight.into(),
                late_write: judged.late_write.into(),
            }),
            over_deadline: match judged.compliance {
                Compliance::InTime => Some(false),
                Compliance::Late => Some(true),
                Compliance::Undecided | Compliance::NotJudged => None,
            },
            findings: findings.collect(),
        }
    }
}

/// Where settings come from, and why they are unknown.
fn source(basis: &Basis) -> (&'static str, Option<&'static str>) {
    match basis {
        Basis::Read(_) => ("socket", None),
        Basis::Inherited(_) => ("listener", None),
        Basis::Unread(why) => (
            "unknown",
            Some(why.map_or("not looked for", |why| why.reason())),
        ),
        Basis::Nobody => ("nobody", None),
    }
}

fn waiting(waiting: Waiting) -> record::Waiting {
    record::Waiting {
        awaited: waiting.awaited.name().into(),
        since_ms: milliseconds(waiting.since),
        unanswered: waiting.unanswered,
    }
}

fn timer(timer: ArmedTimer) -> record::Timer {
    let kind = match timer.kind {
        TimerKind::Retransmit => "retransmit",
        TimerKind::Keepalive => "keepalive",
        TimerKind::TimeWait => "time-wait",
        TimerKind::ZeroWindowProbe => "zero-window-probe",
        TimerKind::Other(_) => "other",
    };
    record::Timer {
        kind: kind.into(),
        expires_in_ms: timer.expires_in_ms,
        unanswered: timer.unanswered,
    }
}

impl From<Bound> for record::Bound {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Never => Self::Never,
            Bound::By(at) => Self::Within {
                latest_ms: milliseconds_up(at),
            },
            Bound::NotBefore(at) => Self::NotBefore {
                earliest_ms: milliseconds(at),
            },
            Bound::Unknown => Self::Unknown,
            Bound::ByProgram => Self::ByProgram,
            Bound::RuledOut => Self::RuledOut,
        }
    }
}

impl From<GivenUp> for record::GivenUp {
    fn from(given_up: GivenUp) -> Self {
        Self {
            within_ms: milliseconds_up(given_up.latest),
            settings_assumed: given_up.assumed,
        }
    }
}

impl From<&Service<Tally>> for record::Service {
    fn from(service: &Service<Tally>) -> Self {
        let tally = &service.value;
        let settings = tally.settings.iter().map(|(basis, count)| {
            let (settings_from, settings_unknown) = source(basis);
            record::SettingsCount {
                count: *count,
                settings: basis.options().map(Into::into),
                settings_from: settings_from.into(),
                settings_unknown: settings_unknown.map(Into::into),
            }
        });
        let findings = tally
            .findings
            .iter()
            .map(|(finding, count)| record::FindingCount {
                count: *count,
                code: finding.code().into(),
                text: finding.to_string(),
            });
        Self {
            place: place(service.netns.as_deref(), service.workload.as_deref()),
            process: service.process.as_deref().map(RawText::from),
            role: role(service.role).into(),
            address: service.role.listening().map(|address| address.to_string()),
            port: Some(service.role.port()),
            connections: tally.connections.count,
            listeners: tally.listeners.count,
            settings: settings.collect(),
            worst: tally.share().worst.into(),
            connections_over_deadline: tally.connections.late,
            listeners_over_deadline: tally.late_listeners(),
            undecided: tally.undecided(),
            closed: tally.closed.count,
            last_closed_given_up: tally.closed.last.map(Into::into),
            findings: findings.collect(),
            remedy: None,
        }
    }
}

impl From<Worsts> for record::Worsts {
    fn from(worst: Worsts) -> Self {
        Self {
            idle: worst.idle.into(),
            in_flight: worst.in_flight.into(),
            late_write: worst.late_write.into(),
        }
    }
}

impl From<Worst> for record::Worst {
    fn from(worst: Worst) -> Self {
        Self {
            known: worst.bound().into(),
            some_unknown: worst.some_unknown,
        }
    }
}

impl Machine {
    /// The record of what all of them come to, as this audit judged them.
    #[must_use]
    pub fn to_record(&self, audit: &Audit) -> record::Summary {
        let read_by = self.coverage.read_by.map(|by| match by {
            ReadBy::Descriptors => "descriptors",
            ReadBy::Kernel => "ebpf",
            ReadBy::Both => "both",
        });
        record::Summary {
            within_ms: audit.deadline().map(milliseconds),
            connections: self.totals.connections,
            listeners: self.totals.listeners,
            connections_over_deadline: self.totals.late_connections,
            listeners_over_deadline: self.totals.late_listeners,
            undecided: self.totals.undecided,
            supervised: self.totals.supervised,
            own_timeouts: self.totals.own_timeouts,
            over_middlebox: self.totals.forgotten,
            few_lost_survived: self.totals.fragile,
            namespaces: self.netns.len() as u64,
            namespaces_unread: self.coverage.closed.len() as u64,
            read_by: read_by.map(Into::into),
        }
    }
}
