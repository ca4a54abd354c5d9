//! What a recipe says: the shape of the files in `recipes/`.

use deadpeer_core::Silence;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use crate::recipe::configuration::{
    Configuration, Each, Ends, Key, Syntax, Target, Unit, Zero,
};

mod configuration;

/// One program, or one library in its language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Recipe {
    /// What `--for` takes.
    pub name: String,
    /// What people call it, with the versions that this was checked for.
    pub title: String,
    /// What it is.
    pub kind: Kind,
    /// Other names that `--for` takes.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What its processes are called (`/proc/PID/comm`).
    #[serde(default)]
    pub processes: Vec<String>,
    /// The ports of which it is known to be the server.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Debian's package.
    #[serde(default)]
    pub debian: Option<String>,
    /// The file that the lines go into.
    #[serde(default)]
    pub file: Option<String>,
    /// What makes a change take effect, and on which connections.
    pub apply: String,
    /// The program's own check of its configuration, as a command.
    #[serde(default)]
    pub check: Option<String>,
    /// Commands that change a running program at once, in its own words, with placeholders as in
    /// the lines of its sides.
    #[serde(default)]
    pub live: Vec<String>,
    /// How its configuration is read.
    #[serde(default)]
    pub read: Option<Configuration>,
    /// Its sockets, by who is at the other end.
    pub sides: Vec<Side>,
    /// Timeouts and heartbeats of its own, which end connections without the kernel.
    #[serde(default)]
    pub timeouts: Vec<OwnTimeout>,
    /// What surprises people.
    #[serde(default)]
    pub traps: Vec<String>,
    /// How far this has been held against the real program.
    #[serde(default)]
    pub proof: Proof,
    /// Where it is written: files of the program's source, its documentation, man pages.
    pub sources: Vec<String>,
}

impl Recipe {
    /// Its own timeouts of which is known when they end a connection.
    pub(crate) fn telling(&self) -> impl Iterator<Item = (&OwnTimeout, &Ends)> {
        let timeouts = self.timeouts.iter();
        timeouts.filter_map(|timeout| Some((timeout, timeout.ends.as_ref()?)))
    }
}

/// What a recipe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A program that accepts connections, and may make some of its own.
    Server,
    /// A program that makes connections.
    Client,
    /// Code that a program is written with.
    Library,
    /// What starts or surrounds programs.
    System,
}

impl Kind {
    /// The word for it, as in the recipe's file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Library => "library",
            Self::System => "system",
        }
    }
}

/// How far a recipe has been held against the real program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Proof {
    /// From source and documentation.
    #[default]
    Described,
    /// Rendered, taken by the program, and its sockets have what was promised.
    Checked,
    /// A client vanished, and was noticed when the forecast said.
    Proved,
}

impl Proof {
    /// The word for it, as in the recipe's file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Described => "described",
            Self::Checked => "checked",
            Self::Proved => "proved",
        }
    }
}

/// One kind of a program's sockets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Side {
    /// Who is at the other end.
    pub side: SideKind,
    /// More about which connections, where a program has several of a kind.
    #[serde(default)]
    pub of: Option<String>,
    /// Where in the file the lines go, in words.
    #[serde(default)]
    pub place: Option<String>,
    /// Since which version of the program.
    #[serde(default)]
    pub since: Option<String>,
    /// What can be set, and what it is otherwise.
    pub sets: Knobs,
    /// The lines to write; `{idle}`, `{interval}`, `{count}` and `{user-timeout}` stand for values,
    /// `{port}` for where the program listens.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Whether `SO_KEEPALIVE` is on where none of the keys is written.
    #[serde(default)]
    pub untouched: bool,
    /// The lines of which each stands for sockets of its own, such as `listen`.
    #[serde(default)]
    pub each: Option<Each>,
    /// The keys that its configuration is read by.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Its configuration is not read for these sockets.
    #[serde(default)]
    pub unread: bool,
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SideKind {
    /// A client: the socket was accepted.
    Accepted,
    /// A server that this program calls.
    Upstream,
}

/// The socket options, and what decides each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Knobs {
    /// `SO_KEEPALIVE` is on, once these lines are written.
    pub keepalive: bool,
    /// `TCP_KEEPIDLE`, seconds.
    #[serde(default)]
    pub idle: Knob,
    /// `TCP_KEEPINTVL`, seconds.
    #[serde(default)]
    pub interval: Knob,
    /// `TCP_KEEPCNT`.
    #[serde(default)]
    pub count: Knob,
    /// `TCP_USER_TIMEOUT`, milliseconds.
    #[serde(default)]
    pub user_timeout: Knob,
}

impl SideKind {
    /// The word for it, as in the recipe's file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Upstream => "upstream",
        }
    }
}

/// What decides one option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Knob {
    /// Any number that the kernel takes: the word "free".
    #[serde(deserialize_with = "free")]
    Free,
    /// The program always sets this.
    Fixed(u32),
    /// Another option's value, divided.
    Part(Part),
    /// Any number in a range.
    Range(Range),
    /// Nothing: the kernel's own setting holds.
    #[default]
    #[serde(skip)]
    Untouched,
}

fn free<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    match String::deserialize(from)?.as_str() {
        "free" => Ok(()),
        other => Err(D::Error::custom(format!("{other} is not \"free\""))),
    }
}

/// A share of the idle time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Part {
    /// The idle time divided by this, at least 1.
    pub idle_divided_by: u32,
}

/// What the program takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Range {
    /// At least.
    #[serde(default)]
    pub min: Option<u32>,
    /// At most.
    #[serde(default)]
    pub max: Option<u32>,
    /// Only multiples of this: 1000 where milliseconds are written as seconds.
    #[serde(default)]
    pub step: Option<u32>,
}

/// A timeout or heartbeat of the program's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct OwnTimeout {
    /// The key.
    pub key: String,
    /// Its value unless it is set, as the program writes it.
    pub default: String,
    /// What it ends, and what it doesn't.
    pub does: String,
    /// When it ends a connection whose peer has vanished, where that follows from its value.
    #[serde(default)]
    pub ends: Option<Ends>,
}

impl OwnTimeout {
    /// Whether it ends every connection in this silence, whatever the client does.
    pub(crate) fn covers(&self, silence: Silence) -> bool {
        let ends = self.ends.as_ref();
        ends.is_some_and(|ends| ends.only.is_none() && ends.covers(silence))
    }
}
