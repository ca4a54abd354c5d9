//! What `plan --read` publishes.

use serde::{Deserialize, Serialize};

use super::{Forecast, Options, Word};

/// What a program's configuration promises, and what to change in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "configuration")]
pub struct Configuration {
    /// The program, as `--for` takes it.
    pub program: String,
    /// The deadline.
    pub within_ms: u64,
    /// Whether it is kept as things are; null: that can't be told.
    pub kept: Option<bool>,
    /// The files that were read, the one that includes the others first.
    pub files: Vec<String>,
    /// The sockets that it speaks of.
    pub sockets: Vec<ConfigurationSockets>,
    /// Its own timeouts and heartbeats.
    pub own: Vec<ConfigurationOwn>,
    /// What could not be read, or is not understood.
    pub remarks: Vec<ConfigurationRemark>,
    /// What to change: for each file a unified diff without context.
    pub diffs: Vec<String>,
    /// Passwords are left out of the diffs, so that no patch can be made of them.
    pub passwords_hidden: bool,
    /// Lines to write that have no place in what was read.
    pub by_hand: Vec<String>,
}

/// Sockets that a configuration gives the same options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigurationSockets {
    /// Who is at the other end: accepted (a client) or upstream (a server).
    pub side: Word,
    /// The line that stands for them; null: the whole configuration.
    pub at: Option<ConfigurationLine>,
    /// The other lines that set their options.
    pub lines: Vec<ConfigurationLine>,
    /// What they have; null: a value is not understood.
    pub options: Option<Options>,
    /// What that promises.
    pub notices_in: Option<Forecast>,
    /// The silences that are noticed too late.
    pub misses: Option<Vec<Word>>,
}

/// A line that is concerned, without the passwords in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigurationLine {
    /// The file.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// A timeout or heartbeat of the program's own, as it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigurationOwn {
    /// The key.
    pub key: String,
    /// The lines that set it; empty: its default holds.
    pub lines: Vec<ConfigurationLine>,
    /// When it ends a connection whose peer has vanished, at the latest, milliseconds; null: never,
    /// or not understood.
    pub ends_ms: Option<u64>,
    /// Whether its value is understood.
    pub understood: bool,
    /// The silences in which it does.
    pub silences: Vec<Word>,
    /// What it takes besides; null: nothing.
    pub only: Option<String>,
}

/// What could not be read, or is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigurationRemark {
    /// The file.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What, as a sentence without a full stop.
    pub text: String,
}
