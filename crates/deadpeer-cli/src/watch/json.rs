//! The JSON lines of `deadpeer watch`.

use super::blind::remarks;
use super::tally::Tally;
use crate::json::{OptionsJson, milliseconds};
use deadpeer_core::close_reason::Limit;
use deadpeer_host::Role;
use deadpeer_host::deaths::{Age, Death, Deaths, KnownBy, LastOwner, Means};
use jiff::Timestamp;
use serde::Serialize;

/// The first line: the watch has begun.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "watch")]
pub(crate) struct WatchJson {
    /// How deaths are seen: "bpf" or "sock-diag".
    means: &'static str,
    /// Why eBPF can't be had; null: it can, or was not tried.
    without_bpf: Option<String>,
    /// What cannot be seen, as sentences.
    remarks: Vec<String>,
}

/// A connection that died.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "death")]
pub(crate) struct DeathJson {
    /// When, RFC 3339 in UTC.
    at: String,
    /// Why, a word: "peer-closed", "closed-here", "closed-unread", "aborted-here", "reset", "reset-after-fin", "keepalive-unanswered",
    /// "data-unacknowledged", "zero-window-unanswered", "host-unreachable", "network-unreachable", "prohibited", "destroyed", "refused",
    /// "connect-timed-out", "connect-abandoned", "other" or "unknown".
    cause: &'static str,
    /// The same as a sentence's part.
    text: String,
    /// Whether the kernel's own error was seen; if not, the cause is what fits the counters best.
    certain: bool,
    /// The setting that decided; null: none did, or it is not known.
    decided_by: Option<LimitJson>,
    /// Our end, address:port.
    local: String,
    /// The peer, address:port.
    peer: String,
    /// "accepted" or "outgoing".
    direction: &'static str,
    /// The state it died in, or was last seen in.
    state: Option<&'static str>,
    /// Who had it; null: nobody who could be seen.
    owner: Option<KeeperJson>,
    /// Who destroyed it; null: nobody, or it is not known.
    destroyed_by: Option<KeeperJson>,
    /// The user it belonged to.
    uid: Option<u32>,
    /// The number of the cgroup v2 it was made in.
    cgroup: Option<u64>,
    /// SO_COOKIE: a number that no other socket of this boot has.
    cookie: u64,
    /// How long it had been established.
    age_ms: Option<u64>,
    /// Whether the age counts from the handshake; if not, from when the watch first saw it.
    age_exact: bool,
    /// How long nothing had been heard of the peer.
    silent_ms: Option<u64>,
    /// Bytes received in its life; the peer's FIN counts one.
    tcpi_bytes_received: Option<u64>,
    /// Bytes acknowledged in its life; our SYN and FIN count one each.
    tcpi_bytes_acked: Option<u64>,
    /// Bytes received and never read.
    unread_bytes: Option<u32>,
    /// Bytes written and never acknowledged.
    unacked_bytes: Option<u32>,
    /// Probes that went unanswered.
    tcpi_probes: Option<u8>,
    /// Retransmissions in a row that went unanswered.
    tcpi_retransmits: Option<u8>,
    /// The options that were in force; null: unknown.
    settings: Option<OptionsJson>,
}

/// The setting that made the kernel give up.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LimitJson {
    /// "tcp_user_timeout", "keepalive", "tcp_retries2", "tcp_orphan_retries", "tcp_syncnt", "tcp_syn_retries" or "other".
    setting: &'static str,
    /// With its value: "TCP_USER_TIMEOUT 4 s".
    text: String,
}

/// The process that had a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KeeperJson {
    /// Its name; bytes that are no UTF-8 are replaced.
    process: String,
    pid: u32,
    /// How that is known: "closing" (it closed the connection), "holding" (its descriptor was seen), "connecting" (it called connect) or "listening" (it listens where
    /// the connection was accepted; a child of it may have had it).
    known_by: &'static str,
}

/// Counts so far: the last line, and with --stats one now and then.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "deaths")]
pub(crate) struct DeathsJson {
    /// Since the watch began.
    elapsed_ms: u64,
    /// Deaths told of.
    deaths: u64,
    /// Ends that were not told of, because this side closed first and in order.
    closed_here_in_order: u64,
    /// Deaths without a visible owner, which the filter asks for.
    without_owner: u64,
    /// Deaths lost because they came too fast; null: the kernel does not tell.
    lost: Option<u64>,
    /// By service and cause, the most frequent first.
    counts: Vec<CountJson>,
}

/// How often the connections of a service died of a cause.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CountJson {
    /// The name of the processes; null: unknown.
    process: Option<String>,
    /// "accepted" or "outgoing".
    direction: &'static str,
    /// The port it was accepted on or goes to.
    port: u16,
    /// As in a death.
    cause: &'static str,
    deaths: u64,
}

impl WatchJson {
    pub(super) fn of(deaths: &Deaths) -> Self {
        Self {
            means: match deaths.means() {
                Means::Bpf => "bpf",
                Means::SockDiag => "sock-diag",
            },
            without_bpf: deaths.without_bpf().map(ToString::to_string),
            remarks: remarks(deaths),
        }
    }
}

impl DeathJson {
    pub(super) fn of(death: &Death) -> Self {
        let at = Timestamp::try_from(death.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let cause = death.reason.cause;
        Self {
            at: format!("{at:.6}"),
            cause: cause.word(),
            text: cause.to_string(),
            certain: death.reason.certain,
            decided_by: death.reason.limit.as_ref().map(LimitJson::of),
            local: death.local.to_string(),
            peer: death.peer.to_string(),
            direction: direction(death.role).0,
            state: death.state.map(|state| state.name()),
            owner: death.owner.as_ref().map(KeeperJson::of),
            destroyed_by: death.destroyer.as_ref().map(KeeperJson::of),
            uid: death.uid,
            cgroup: death.cgroup,
            cookie: death.cookie,
            age_ms: death.age.map(|age| milliseconds(age.duration())),
            age_exact: matches!(death.age, Some(Age::Exactly(_))),
            silent_ms: death.silence.map(milliseconds),
            tcpi_bytes_received: death.bytes_received,
            tcpi_bytes_acked: death.bytes_acked,
            unread_bytes: death.unread,
            unacked_bytes: death.unacked,
            tcpi_probes: death.probes,
            tcpi_retransmits: death.retransmits,
            settings: death.settings.as_ref().map(OptionsJson::in_force),
        }
    }
}

impl LimitJson {
    fn of(limit: &Limit) -> Self {
        Self {
            setting: match limit {
                Limit::UserTimeout(_) => "tcp_user_timeout",
                Limit::Keepalive { .. } => "keepalive",
                Limit::Retries2(_) => "tcp_retries2",
                Limit::OrphanRetries(_) => "tcp_orphan_retries",
                Limit::SynCount(_) => "tcp_syncnt",
                Limit::SynRetries(_) => "tcp_syn_retries",
                _ => "other",
            },
            text: limit.to_string(),
        }
    }
}

impl KeeperJson {
    fn of(owner: &LastOwner) -> Self {
        Self {
            process: String::from_utf8_lossy(owner.process.name()).into_owned(),
            pid: owner.process.pid(),
            known_by: match owner.known_by {
                KnownBy::Closing => "closing",
                KnownBy::Holding => "holding",
                KnownBy::Connecting => "connecting",
                KnownBy::Listening | _ => "listening",
            },
        }
    }
}

impl DeathsJson {
    pub(super) fn of(tally: &Tally) -> Self {
        let count = |(service, cause, deaths): (
            &deadpeer_host::deaths::ServiceName,
            deadpeer_core::close_reason::CloseCause,
            u64,
        )| {
            let (direction, port) = direction(service.role);
            let name = service.process.as_deref();
            CountJson {
                process: name.map(|name| String::from_utf8_lossy(name).into_owned()),
                direction,
                port,
                cause: cause.word(),
                deaths,
            }
        };
        Self {
            elapsed_ms: milliseconds(tally.since.elapsed()),
            deaths: tally.counts.total(),
            closed_here_in_order: tally.skipped,
            without_owner: tally.nobodys,
            lost: tally.lost,
            counts: tally.counts.rows().into_iter().map(count).collect(),
        }
    }
}

fn direction(role: Role) -> (&'static str, u16) {
    match role {
        Role::Outgoing(port) => ("outgoing", port),
        Role::Listening(address) => ("accepted", address.port()),
        Role::Accepted(port) => ("accepted", port),
        _ => ("accepted", 0),
    }
}
