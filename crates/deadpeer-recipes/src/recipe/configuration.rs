//! What a recipe says of the program's configuration: how it is written, and which keys set what.

use std::time::Duration;

use deadpeer_core::Silence;
use serde::Deserialize;

/// How a program's configuration is found and read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Configuration {
    /// How it is written.
    pub syntax: Syntax,
    /// How its command line names the file: `-c {file}`, or `{file}` for the first word that is no
    /// option.
    #[serde(default)]
    pub named_by: Vec<String>,
    /// Where it is otherwise: the first that is there.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether it reads none unless its command line names one: those are what packages start it
    /// with.
    #[serde(default)]
    pub needs_file: bool,
    /// How its command line sets a key: `--{key}={value}`. That is the last word.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Keys by which a file is known to be this program's.
    pub marks: Vec<String>,
    /// Keys that other programs have as well: a file is taken to be this program's if all of its
    /// keys are among these. `net.*`: all that begin so.
    #[serde(default)]
    pub everyday: Vec<String>,
    /// Of two lines with one key the first counts.
    #[serde(default)]
    pub first_counts: bool,
    /// Keys of lines that open connections of which the recipe says nothing.
    #[serde(default)]
    pub unjudged: Vec<String>,
}

/// How a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Syntax {
    /// nginx: words, `;`, and blocks in braces.
    Blocks,
    /// `[section]` and `key = value`.
    Ini,
    /// `key value`, as Redis, Squid and Mosquitto have it.
    Words,
    /// `key value` with `Match` and `Host`, which reach to the next.
    Ssh,
    /// `key = value` as `postgresql.conf` has it.
    Postgresql,
    /// `key = value` without sections.
    Assignments,
    /// HAProxy: a section begins with its name.
    Sections,
    /// rsyslog: `module(...)`, `input(...)`, `action(...)`.
    Calls,
    /// NATS: `key: value` and `key { ... }`; keys are paths.
    Nats,
    /// YAML; keys are paths.
    Yaml,
    /// A file of environment variables, whose values may be URIs or connection strings.
    Environment,
    /// Nothing but a command line.
    Arguments,
}

/// The lines of which each stands for sockets of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Each {
    /// Their key; empty: each block of these names.
    #[serde(default)]
    pub key: String,
    /// The blocks or sections that they stand in; empty: any.
    #[serde(default)]
    pub blocks: Vec<String>,
    /// Begins of words with which a line is about no TCP socket.
    #[serde(default)]
    pub except: Vec<String>,
    /// A word that the line has to have.
    #[serde(default)]
    pub only: Option<String>,
    /// The key that stands for them where there are no such lines.
    #[serde(default)]
    pub otherwise: Option<String>,
    /// Keys beside it, some with a value behind a blank, with which it is about no TCP socket.
    #[serde(default)]
    pub without: Vec<String>,
    /// Lines with the same first word are about the same socket: what one says holds for all.
    #[serde(default)]
    pub shared: bool,
}

/// A key of a program's configuration that sets socket options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Key {
    /// Its name; with several words, such as `option clitcpka`, all of them.
    pub key: String,
    /// The blocks or sections that it may stand in; empty: any.
    #[serde(default)]
    pub blocks: Vec<String>,
    /// The word of its line that the value follows: `so_keepalive=`, `tcp-ut `.
    #[serde(default)]
    pub parameter: Option<String>,
    /// What the parts of the value are.
    pub sets: Vec<Target>,
    /// What stands between the parts.
    #[serde(default)]
    pub separator: Option<char>,
    /// What a number without a unit is.
    #[serde(default)]
    pub unit: Unit,
    /// What 0 means.
    #[serde(default)]
    pub zero: Zero,
    /// The value where the key is not written.
    #[serde(default)]
    pub default: Option<String>,
    /// The value to write, with placeholders as in the lines of its side. Of several keys for one
    /// option the first is written where none is there, and the last that is there counts.
    pub write: String,
    /// How it is written where it is an item of a list, with placeholders.
    #[serde(default)]
    pub item: Option<String>,
}

impl Key {
    /// The steps of its path: up to the list of which it names an item, or all of them.
    pub(crate) fn steps(&self) -> Vec<&str> {
        let path = match self.key.split_once("[]") {
            Some((list, _)) => list,
            None => &self.key,
        };
        path.split('.').collect()
    }
}

/// What a part of a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Target {
    /// `SO_KEEPALIVE`.
    Keepalive,
    /// `TCP_KEEPIDLE`.
    Idle,
    /// `TCP_KEEPINTVL`.
    Interval,
    /// `TCP_KEEPCNT`.
    Count,
    /// The seconds from the first probe to the end.
    Probing,
    /// `TCP_USER_TIMEOUT`.
    UserTimeout,
}

/// What a number without a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    #[default]
    S,
    /// Milliseconds.
    Ms,
}

impl Unit {
    /// So many of it; `None`: no program counts so far.
    pub(crate) fn milliseconds(self, number: u64) -> Option<u64> {
        number.checked_mul(match self {
            Self::S => 1000,
            Self::Ms => 1,
        })
    }
}

/// What 0 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Zero {
    /// The kernel's own setting holds.
    #[default]
    Kernel,
    /// Keepalive is off.
    Off,
}

/// When a timeout of a program's own ends a connection whose peer has vanished.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Ends {
    /// The silences in which it does, as they are called in JSON; none: only once the kernel has
    /// given the peer up.
    pub silences: Vec<String>,
    /// What a number without a unit is.
    #[serde(default)]
    pub unit: Unit,
    /// The key that says how many questions go unanswered.
    #[serde(default)]
    pub times: Option<String>,
    /// How many do unless it is written.
    #[serde(default)]
    pub times_default: u32,
    /// So many periods pass for each of them; 0: one.
    #[serde(default)]
    pub each: u32,
    /// So many more periods pass before the end.
    #[serde(default)]
    pub plus: u32,
    /// A period may last so many milliseconds more.
    #[serde(default)]
    pub late_ms: u64,
    /// A period lasts so many hundredths of the value; 0: as long as the value.
    #[serde(default)]
    pub percent: u32,
    /// The key of another time that follows, in the same unit.
    #[serde(default)]
    pub then: Option<String>,
    /// That time unless it is written.
    #[serde(default)]
    pub then_default: Option<String>,
    /// What it takes besides: "where the client agrees".
    #[serde(default)]
    pub only: Option<String>,
    /// The lines to write for a deadline: `{beat}` is the value. Empty: it ends the living, too,
    /// or keeps nothing.
    #[serde(default)]
    pub lines: Vec<String>,
    /// What makes them take effect.
    #[serde(default)]
    pub apply: Option<String>,
}

impl Ends {
    /// Whether it does so in this silence.
    #[must_use]
    pub fn covers(&self, silence: Silence) -> bool {
        self.silences.iter().any(|name| name == silence.name())
    }

    /// When a connection ends with this value, after so many unanswered questions; `None`: it is
    /// off.
    pub(crate) fn after(&self, ms: u64, times: u32) -> Option<Duration> {
        if ms == 0 || times == 0 {
            return None;
        }
        let percent = match self.percent {
            0 => 100,
            percent => u64::from(percent),
        };
        let asked = times.saturating_mul(self.each.max(1));
        let periods = u64::from(asked.saturating_add(self.plus));
        let period = (ms.saturating_mul(percent) / 100).saturating_add(self.late_ms);
        Some(Duration::from_millis(period.saturating_mul(periods)))
    }
}
