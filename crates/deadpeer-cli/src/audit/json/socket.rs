//! Connections and listeners, one line each.

use super::{AnswerJson, FindingJson, source};
use crate::json::{ForecastJson, OptionsJson};
use deadpeer_core::{Finding, Forecast};
use deadpeer_host::audit::{Basis, Compliance, Judgement, Moment};
use deadpeer_host::{ArmedTimer, Connection, TimerKind};
use serde::Serialize;

/// A connection.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "connection")]
pub(crate) struct ConnectionJson {
    #[serde(flatten)]
    socket: SocketJson,
    /// The other end, address:port.
    peer: String,
    /// The timer that runs; null: none.
    timer: Option<TimerJson>,
    /// Bytes received and not read by the program.
    idiag_rqueue: u32,
    /// Bytes written and not acknowledged by the peer.
    idiag_wqueue: u32,
    /// Segments in flight.
    tcpi_unacked: Option<u32>,
    /// Retransmission timeouts in a row without an answer.
    tcpi_retransmits: Option<u8>,
    /// Keepalive or window probes in a row without an answer.
    tcpi_probes: Option<u8>,
    /// How often the retransmission timeout has doubled.
    tcpi_backoff: Option<u8>,
    /// Retransmission timeout, microseconds.
    tcpi_rto_us: Option<u32>,
    /// Smoothed round-trip time, microseconds.
    tcpi_rtt_us: Option<u32>,
    /// Since data was last sent, milliseconds.
    tcpi_last_data_sent_ms: Option<u32>,
    /// Since data was last received, milliseconds.
    tcpi_last_data_recv_ms: Option<u32>,
    /// Since anything was last heard of the peer, milliseconds.
    tcpi_last_ack_recv_ms: Option<u32>,
    /// The window that the peer announced, bytes.
    tcpi_snd_wnd: Option<u32>,
}

/// A listener: what connections get that it will accept.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "listener")]
pub(crate) struct ListenerJson {
    #[serde(flatten)]
    socket: SocketJson,
    /// Connections that wait for accept().
    accept_queue: u32,
    /// The most that may wait.
    accept_queue_max: u32,
}

/// What connections and listeners have in common.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SocketJson {
    /// Our end, address:port.
    local: String,
    /// The state, such as "established".
    state: &'static str,
    /// Every process that holds it and could be seen.
    owners: Vec<OwnerJson>,
    /// The user it belongs to.
    uid: u32,
    /// The number in /proc/PID/fd; null: no process holds it.
    inode: Option<u32>,
    /// SO_COOKIE: a number that no other socket of this boot has.
    cookie: u64,
    /// The options in force; null: unknown.
    settings: Option<OptionsJson>,
    /// Where the settings come from: "socket", "listener" (it waits in a queue), "unknown" or "nobody" (no process holds it).
    settings_from: &'static str,
    /// Why they are unknown.
    settings_unknown: Option<&'static str>,
    /// What the settings foretell; null: unknown.
    notices_in: Option<ForecastJson>,
    /// Without settings: what the armed timer still proves.
    proven: Option<ProvenJson>,
    /// Whether the deadline is missed; null: unknown, or there is none.
    over_deadline: Option<bool>,
    /// What is odd.
    findings: Vec<FindingJson>,
}

/// A process that holds a socket.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OwnerJson {
    /// Its name; bytes that are no UTF-8 are replaced.
    process: String,
    pid: u32,
    fd: i32,
}

/// A timer of the kernel.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TimerJson {
    /// "retransmit", "keepalive", "time-wait", "zero-window-probe" or "other".
    kind: &'static str,
    /// Until it fires, milliseconds, before the kernel rounds it up.
    expires_in_ms: u32,
    /// What was already sent without an answer.
    unanswered: u8,
}

/// What is proven without the settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProvenJson {
    /// Silence while idle.
    idle: AnswerJson,
    /// Silence with data in flight.
    in_flight: AnswerJson,
    /// Silence before a late write.
    late_write: AnswerJson,
}

impl ConnectionJson {
    pub(in crate::audit) fn of(
        connection: &Connection<'_>,
        moment: &Moment,
        judged: &Judgement,
        forecast: Option<&Forecast>,
    ) -> Self {
        let info = moment.info.as_ref();
        let socket = connection.socket;
        Self {
            socket: SocketJson::of(connection, judged, forecast),
            peer: socket.peer.to_string(),
            timer: socket.timer.map(TimerJson::from),
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
        }
    }
}

impl ListenerJson {
    pub(in crate::audit) fn of(
        connection: &Connection<'_>,
        judged: &Judgement,
        forecast: Option<&Forecast>,
    ) -> Self {
        Self {
            socket: SocketJson::of(connection, judged, forecast),
            accept_queue: connection.socket.rqueue,
            accept_queue_max: connection.socket.wqueue,
        }
    }
}

impl SocketJson {
    fn of(connection: &Connection<'_>, judged: &Judgement, forecast: Option<&Forecast>) -> Self {
        let socket = connection.socket;
        let owners = connection.owners().map(|owner| OwnerJson {
            process: String::from_utf8_lossy(owner.process.name()).into_owned(),
            pid: owner.process.pid(),
            fd: owner.fd,
        });
        let (settings_from, settings_unknown) = source(&judged.basis);
        Self {
            local: socket.local.to_string(),
            state: socket.state.name(),
            owners: owners.collect(),
            uid: socket.uid,
            inode: socket.inode.map(Into::into),
            cookie: socket.cookie,
            settings: judged.basis.options().map(OptionsJson::in_force),
            settings_from,
            settings_unknown,
            notices_in: forecast.map(ForecastJson::from),
            proven: matches!(judged.basis, Basis::Unread(_)).then(|| ProvenJson {
                idle: judged.idle.into(),
                in_flight: judged.in_flight.into(),
                late_write: judged.late_write.into(),
            }),
            over_deadline: match judged.compliance {
                Compliance::InTime => Some(false),
                Compliance::Late => Some(true),
                Compliance::Undecided | Compliance::NotJudged | _ => None,
            },
            findings: judged
                .findings
                .iter()
                .map(|finding| FindingJson {
                    code: finding.code(),
                    text: finding.to_string(),
                    options: match *finding == Finding::NotInherited {
                        true => judged.not_inherited.clone(),
                        false => Vec::new(),
                    },
                })
                .collect(),
        }
    }
}

impl From<ArmedTimer> for TimerJson {
    fn from(timer: ArmedTimer) -> Self {
        Self {
            kind: match timer.kind {
                TimerKind::Retransmit => "retransmit",
                TimerKind::Keepalive => "keepalive",
                TimerKind::TimeWait => "time-wait",
                TimerKind::ZeroWindowProbe => "zero-window-probe",
                TimerKind::Other(_) | _ => "other",
            },
            expires_in_ms: timer.expires_in_ms,
            unanswered: timer.unanswered,
        }
    }
}
