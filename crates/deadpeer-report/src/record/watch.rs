//! What `watch` publishes.

use serde::{Deserialize, Serialize};

use super::{Options, Place, Word};
use crate::raw::RawText;

/// The first line: the watch has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "watch")]
pub struct Watch {
    /// How deaths are seen: "bpf" or "sock-diag".
    pub means: Word,
    /// Why eBPF can't be had; null: it can, or was not tried.
    pub without_bpf: Option<String>,
    /// What cannot be seen, as sentences.
    pub remarks: Vec<String>,
}

/// A connection that died.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "death")]
pub struct Death {
    /// Where it was.
    #[serde(flatten)]
    pub place: Place,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Why, a word: "peer-closed", "closed-here", "closed-unread", "closed-data-came",
    /// "aborted-here", "reset", "reset-after-fin", "keepalive-unanswered", "data-unacknowledged",
    /// "zero-window-unanswered", "slow-reader", "dropped-here", "host-unreachable",
    /// "network-unreachable", "port-unreachable", "prohibited", "destroyed", "refused",
    /// "connect-timed-out", "connect-abandoned", "other" or "unknown".
    pub cause: Word,
    /// The same as a sentence's part.
    pub text: String,
    /// Whether the kernel's own error was seen; if not, the cause is what fits the counters best.
    pub certain: bool,
    /// The setting that decided; null: none did, or it is not known.
    pub decided_by: Option<Limit>,
    /// What to make of it; null: the cause speaks for itself.
    pub advice: Option<String>,
    /// Our end, address:port.
    pub local: String,
    /// The peer, address:port.
    pub peer: String,
    /// "accepted" or "outgoing".
    pub direction: Word,
    /// The state it died in, or was last seen in.
    pub state: Option<Word>,
    /// Who had it; null: nobody who could be seen.
    pub owner: Option<LastOwner>,
    /// Who destroyed it; null: nobody, or it is not known.
    pub destroyed_by: Option<LastOwner>,
    /// The user it belonged to.
    pub uid: Option<u32>,
    /// The number of the cgroup v2 it was made in.
    pub cgroup: Option<u64>,
    /// The path of that cgroup below the root; null: it came and went too quickly to be seen.
    pub cgroup_path: Option<RawText>,
    /// SO_COOKIE: a number that no other socket of this boot has.
    pub cookie: u64,
    /// How long it had been established.
    pub age_ms: Option<u64>,
    /// Whether the age counts from the handshake; if not, from when the watch first saw it.
    pub age_exact: bool,
    /// How long nothing had been heard of the peer.
    pub silent_ms: Option<u64>,
    /// Bytes received in its life; the peer's FIN counts one.
    pub tcpi_bytes_received: Option<u64>,
    /// Bytes acknowledged in its life; our SYN and FIN count one each.
    pub tcpi_bytes_acked: Option<u64>,
    /// Bytes of the peer's program that came; null: whether its FIN counted is not known.
    pub received_bytes: Option<u64>,
    /// Bytes of our program that were acknowledged; null: whether SYN or FIN counted is not known.
    pub acked_bytes: Option<u64>,
    /// Bytes received and never read.
    pub unread_bytes: Option<u32>,
    /// Bytes written and never acknowledged.
    pub unacked_bytes: Option<u32>,
    /// Probes that went unanswered.
    pub tcpi_probes: Option<u8>,
    /// Retransmissions in a row that went unanswered.
    pub tcpi_retransmits: Option<u8>,
    /// The options that were in force; null: unknown.
    pub settings: Option<Options>,
}

/// The setting that made the kernel give up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Limit {
    /// "tcp_user_timeout", "keepalive", "tcp_retries2", "tcp_orphan_retries", "tcp_syncnt",
    /// "tcp_syn_retries" or "other".
    pub setting: Word,
    /// With its value: "TCP_USER_TIMEOUT 4 s".
    pub text: String,
}

/// The process that had a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LastOwner {
    /// Its name.
    pub process: RawText,
    /// Its number.
    pub pid: u32,
    /// How that is known: "closing" (it closed the connection), "holding" (its descriptor was
    /// seen), "connecting" (it called connect) or "listening" (it listens where the connection was
    /// accepted; a child of it may have had it).
    pub known_by: Word,
}

/// Counts so far: the last line, and with --stats one now and then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "deaths")]
pub struct Deaths {
    /// Since the watch began.
    pub elapsed_ms: u64,
    /// Deaths reported.
    pub deaths: u64,
    /// Ends not reported, because both sides closed in order.
    pub ordinary_closes: u64,
    /// Deaths not reported, because their cause was not asked for.
    pub other_causes: u64,
    /// Deaths without a visible owner, which the filter asks for.
    pub without_owner: u64,
    /// Deaths lost because they came too fast; null: the kernel does not tell.
    pub lost: Option<u64>,
    /// By service and cause, the most frequent first.
    pub counts: Vec<DeathCount>,
}

/// How often the connections of a service died of a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeathCount {
    /// The name of the processes; null: unknown.
    pub process: Option<RawText>,
    /// "accepted" or "outgoing".
    pub direction: Word,
    /// The port it was accepted on or goes to.
    pub port: u16,
    /// As in a death.
    pub cause: Word,
    /// How many.
    pub deaths: u64,
}
