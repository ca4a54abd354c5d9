//! What `guard` publishes.

use serde::{Deserialize, Serialize};

use super::{Place, Word};
use crate::raw::RawText;

/// What the guard did about a connection whose peer seems gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "guarded")]
pub struct Guarded {
    /// When it was done, RFC 3339, UTC.
    pub at: String,
    /// "destroyed", "would-destroy" (the policy observes), "gone" (it ended by itself), "failed" or
    /// "spared".
    pub result: Word,
    /// Why it was spared: "holding", "rate-limit", "our-own", "answered", "hook" or
    /// "left-to-kernel".
    pub spared: Option<Word>,
    /// The policy that chose it.
    pub policy: String,
    /// Our end, address:port.
    pub local: String,
    /// The other end, address:port.
    pub peer: String,
    /// SO_COOKIE: a number that no other socket of this boot has.
    pub cookie: u64,
    /// Where it is, and what its process belongs to.
    #[serde(flatten)]
    pub place: Place,
    /// The process that has it; null: none that could be seen.
    pub process: Option<RawText>,
    /// Its number.
    pub pid: Option<u32>,
    /// Since anything was last heard of the peer, milliseconds.
    pub silent_ms: u64,
    /// Questions in a row that it had not answered.
    pub unanswered: u32,
    /// So many had to go unanswered, at the loss measured on this connection.
    pub needed: u32,
}

/// How a guard stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "guard_status")]
pub struct GuardStatus {
    /// Its process.
    pub pid: u32,
    /// Sweeps it has made.
    pub sweeps: u64,
    /// How long the last one took, milliseconds.
    pub sweep_ms: u64,
    /// Connections that the last sweep saw.
    pub connections: u64,
    /// Those whose peers had a question open.
    pub asked: u64,
    /// Network namespaces that are guarded.
    #[serde(default)]
    pub namespaces: u64,
    /// Network namespaces that are meant and could not be entered.
    #[serde(default)]
    pub namespaces_unread: u64,
    /// Connections destroyed since it began.
    pub destroyed: u64,
    /// Connections that policies which observe would have destroyed.
    pub would_destroy: u64,
    /// Times that a connection was let live although its peer seemed gone.
    pub spared: u64,
    /// Sockets whose options were changed.
    pub changed: u64,
    /// Why nobody is killed now; empty: nothing holds.
    pub holding: Vec<GuardHolding>,
    /// Policies in force.
    pub policies: u64,
    /// Whether the configuration that was read last is the one in force.
    pub last_reload_ok: bool,
    /// Deaths that came faster than they could be read; null: the kernel doesn't tell.
    pub deaths_lost: Option<u64>,
    /// What it lacks on this machine, and what that costs, a sentence each.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// How late it may be behind a closed window, for each policy that supervises.
    #[serde(default)]
    pub closed_windows: Vec<GuardClosedWindow>,
}

/// The kernel asks a peer that has closed its window only every so often, so that one that vanishes
/// then is noticed later than others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GuardClosedWindow {
    /// The policy that supervises.
    pub policy: String,
    /// Its deadline, milliseconds.
    pub within_ms: u64,
    /// When such a peer is destroyed at the latest, on a path that is not known to lose packets,
    /// milliseconds.
    pub closed_window_ms: u64,
}

/// Why nobody is killed now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GuardHolding {
    /// "many-silent", "network", "slept" or "asked".
    pub reason: Word,
    /// The service it is about; null: not one alone.
    pub service: Option<RawText>,
    /// The network namespace it is about; null, and no service: the machine.
    pub netns: Option<u64>,
    /// For how long, milliseconds.
    pub for_ms: u64,
}
