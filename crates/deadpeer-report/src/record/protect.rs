//! What `protect` publishes.

use serde::{Deserialize, Serialize};

use super::{Notice, Options, Place, Word};
use crate::raw::RawText;

/// Sockets of one service with the same settings, and what is to be done with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "protect_plan")]
pub struct ProtectPlan {
    /// Where they are.
    #[serde(flatten)]
    pub place: Place,
    /// The name of the processes; null: no owner could be seen.
    pub process: Option<RawText>,
    /// The listening address; null: these are no connections of a listener.
    pub address: Option<String>,
    /// The port they were accepted on or connect to.
    pub port: u16,
    /// Whether these are listeners.
    pub listeners: bool,
    /// How many.
    pub sockets: u64,
    /// The settings in force; null: unknown.
    pub before: Option<Options>,
    /// When a vanished peer is noticed with them, in the worst case and by the timers that are
    /// armed now; null: unknown, or its program decides.
    pub before_notices_in: Option<Notice>,
    /// "fine", "change", "kept-for-application", "helpless", "overwritten", "close-wait",
    /// "supervised" (its program decides) or "unseen".
    pub fate: Word,
    /// Why they could not be seen.
    pub unseen_because: Option<Word>,
    /// Whether the application had set something itself that misses the deadline.
    pub own_choice: Option<bool>,
    /// What is set; the rest stays.
    pub set: Option<Options>,
    /// The settings afterwards.
    pub after: Option<Options>,
    /// When a vanished peer is noticed with those. A timer that is armed far ahead makes it later.
    pub after_notices_in: Option<Notice>,
}

/// What is to be set for everybody in the network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "protect_sysctl")]
pub struct ProtectSysctl {
    /// Its name.
    pub name: Word,
    /// The value that it has.
    pub before: u32,
    /// The value that it is to have.
    pub after: u32,
    /// When a connection there that nobody set anything on, with data in flight to a peer that
    /// vanished, is given up as it is.
    pub untouched_in_flight_before: Notice,
    /// And then.
    pub untouched_in_flight_after: Notice,
}

/// A sysctl that was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SysctlChange {
    /// Its name.
    pub name: Word,
    /// The value that it had.
    pub before: u32,
    /// The value that was set.
    pub after: u32,
}

/// What undoing came to for a sysctl.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SysctlUndone {
    /// Its name.
    pub name: Word,
    /// "restored"; "unchanged": it had its old value still or already; "overtaken": somebody has
    /// set it since, and that stays; or "failed".
    pub fate: Word,
    /// The value that it has; null: not known.
    pub now: Option<u32>,
    /// Why it could not be restored; null: it was, or nothing was to be done.
    pub because: Option<String>,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "protect_summary")]
pub struct ProtectSummary {
    /// The number of the network namespace, as in /proc/PID/ns/net; null: there was none to change
    /// anything in.
    #[serde(default)]
    pub netns: Option<u64>,
    /// The deadline.
    pub within_ms: u64,
    /// Whether this was a rehearsal, or nothing had to be done.
    pub nothing_done: bool,
    /// Sockets that were changed and read back.
    pub changed: u64,
    /// Sockets that would be changed.
    pub would_change: u64,
    /// Sockets that closed before they could be changed.
    pub gone: u64,
    /// Sockets left unchanged, by reason.
    pub failed: Vec<Failed>,
    /// What was set for everybody in the network namespace.
    pub sysctls: Vec<SysctlChange>,
    /// The undo file; null: nothing was changed.
    pub undo_file: Option<RawText>,
    /// Why eBPF was not used, so that connections waiting to be accepted could not be changed;
    /// null: it was, or nothing was changed.
    pub without_ebpf_because: Option<String>,
}

/// Sockets left unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failed {
    /// How many.
    pub sockets: u64,
    /// Why.
    pub because: String,
}

/// What came of undoing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "undone")]
pub struct Undone {
    /// The undo file.
    pub file: RawText,
    /// Whether this was done; false: a rehearsal, and the counts say what would be.
    pub done: bool,
    /// Sockets that have their old values again.
    pub restored: u64,
    /// The same sockets by what they had and have.
    pub returned: Vec<Returned>,
    /// Sockets that had them already.
    pub unchanged: u64,
    /// Sockets that are gone.
    pub gone: u64,
    /// Sockets with an option that their program has set since; that one stays.
    pub overtaken: u64,
    /// Sockets with keepalive times of their own now, equal to those before, which may have come
    /// from a sysctl.
    pub own_now: u64,
    /// Sockets that were changed once more later: they keep what they have, and their way back is
    /// in the later undo file.
    pub later: u64,
    /// The later undo files that were given something.
    pub handed_to: Vec<RawText>,
    /// Undo files that can't be read: what was set since may be theirs.
    pub unreadable_files: u64,
    /// Sockets that could not be reached or were refused, by reason.
    pub failed: Vec<Failed>,
    /// What came of the sysctls.
    pub sysctls: Vec<SysctlUndone>,
}

/// Sockets whose settings were restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Returned {
    /// The name of their processes; null: not known.
    pub process: Option<RawText>,
    /// Whether they are listeners.
    pub listeners: bool,
    /// How many.
    pub sockets: u64,
    /// What was in force.
    pub before: Options,
    /// What is in force.
    pub after: Options,
}

/// An undo file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "undo_file")]
pub struct UndoFile {
    /// Its path.
    pub file: RawText,
    /// When it was begun, seconds since 1970.
    pub begun_unix_s: u64,
    /// The deadline; null: their options were only lent to the questions of `ping` or `kill`.
    pub within_ms: Option<u64>,
    /// How many sockets it knows.
    pub sockets: u64,
    /// What was set for everybody in the network namespace.
    pub sysctls: Vec<SysctlChange>,
    /// Whether it was written since the last boot: otherwise nothing is left to undo.
    pub this_boot: bool,
    /// "standing"; or nothing is left to undo: "earlier-boot", "namespace-gone", "sockets-gone"; or
    /// "unknown": not permitted to see.
    pub left: Word,
    /// How many of its sockets are still open; null: not known.
    pub sockets_left: Option<u64>,
    /// The number of the network namespace.
    pub network_namespace: u64,
}

/// An undo file that was taken away without undoing anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "forgotten_undo_file")]
pub struct ForgottenUndoFile {
    /// Its path.
    pub file: RawText,
    /// What was left to be undone, as in `undo_file`.
    pub left: Word,
    /// How many of its sockets were still open; null: not known.
    pub sockets_left: Option<u64>,
    /// Whether it is gone; false: a rehearsal.
    pub done: bool,
}

/// A protection of future connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "standing_protection")]
pub struct StandingProtection {
    /// Its name, for --remove.
    pub name: String,
    /// The cgroup, by its path below the root; null: not known, or gone.
    pub cgroup: Option<RawText>,
    /// Whether it holds: not if its cgroup is gone or its making was interrupted.
    pub holds: bool,
    /// What it sets where a program's own settings are not as soon; null: can't be read.
    pub set: Option<Options>,
    /// Ends of connections that got something set; null: can't be read.
    pub protected: Option<u64>,
    /// Ends that were good enough.
    pub spared: Option<u64>,
    /// Ends, and calls of programs, on which the kernel refused an option.
    pub refused: Option<u64>,
    /// Calls of programs that asked for what the deadline does not allow, and got what it does.
    pub overruled: Option<u64>,
    /// Whether an earlier version made it, which does not hold what programs set later.
    pub outdated: bool,
}

/// A protection of future connections that was ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "removed_protection")]
pub struct RemovedProtection {
    /// Its name.
    pub name: String,
}
