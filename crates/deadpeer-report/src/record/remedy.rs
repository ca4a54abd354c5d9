//! What `plan --for` publishes.

use serde::{Deserialize, Serialize};

use super::{ConfigurationOwn, Forecast, Options, Word};

/// What to write for a program so that a vanished peer is noticed within a deadline, as far as it
/// can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "remedy")]
pub struct Remedy {
    /// The program, as `--for` takes it.
    pub program: String,
    /// What people call it.
    pub title: String,
    /// The deadline asked for.
    pub within_ms: u64,
    /// Whether all of its sockets keep the deadline while idle, with data in flight and before a
    /// late write.
    pub kept: bool,
    /// The file that the lines go into; null: no file.
    pub file: Option<String>,
    /// What makes them take effect, and on which connections.
    pub apply: String,
    /// The program's own check of its configuration; null: it has none.
    pub check: Option<String>,
    /// Each kind of its sockets.
    pub sides: Vec<RemedySide>,
    /// Its own timeouts and heartbeats, which end connections without the kernel.
    pub timeouts: Vec<RemedyTimeout>,
    /// What surprises people.
    pub traps: Vec<String>,
    /// How far this has been tested against the real program: described, checked or proved.
    pub proof: Word,
    /// Where it is written.
    pub sources: Vec<String>,
}

/// One kind of a program's sockets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RemedySide {
    /// Who is at the other end: accepted (a client) or upstream (a server).
    pub side: Word,
    /// Which connections, where there are several of a kind; null: all.
    pub of: Option<String>,
    /// Where in the file the lines go; null: anywhere.
    pub place: Option<String>,
    /// The lines to write; empty: nothing can be set.
    pub lines: Vec<String>,
    /// What its sockets have then; null: as the sysctls say.
    pub options: Options,
    /// What that promises.
    pub notices_in: Forecast,
    /// The silences that are noticed too late.
    pub misses: Vec<Word>,
}

/// A timeout or heartbeat of a program's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RemedyTimeout {
    /// The key.
    pub key: String,
    /// Its value unless it is set.
    pub default: String,
    /// What it ends, and what it doesn't.
    pub does: String,
}

/// A program that `plan --for` knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "recipe")]
pub struct Recipe {
    /// The program, as `--for` takes it.
    pub program: String,
    /// What people call it.
    pub title: String,
    /// Other names that `--for` takes.
    pub aliases: Vec<String>,
    /// server, client, library or system.
    pub kind: Word,
    /// How far it has been tested against the real program: described, checked or proved.
    pub proof: Word,
}

/// What to write for the program of a service that misses the deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServiceRemedy {
    /// The program, as `plan --for` takes it.
    pub program: String,
    /// The file that the lines go into; null: no file.
    pub file: Option<String>,
    /// The lines to write; empty: nothing can be set that helps.
    pub lines: Vec<String>,
    /// Whether the open connections have what the lines come to already, so that what is still
    /// missed takes something else.
    pub in_force: bool,
    /// Commands that change the running program at once, for connections to come.
    pub live: Vec<String>,
    /// What makes the lines take effect, and on which connections.
    pub apply: String,
    /// The silences in which the deadline is kept then.
    pub keeps: Vec<Word>,
    /// The silences in which it is missed all the same.
    pub misses: Vec<Word>,
    /// What it takes, where the version that runs is older than the lines or not known; null:
    /// nothing.
    pub since: Option<String>,
    /// The program's own timeouts, as its configuration has them.
    pub own: Vec<ConfigurationOwn>,
    /// Why these are not known; null: they are.
    pub own_unknown: Option<String>,
    /// The command that says all of it.
    pub command: String,
}
