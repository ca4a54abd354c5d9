//! One file as it is written.

use std::path::Path;
use std::time::Duration;

use deadpeer_host::{Namespace, Selector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::error::{ConfigError, Place};
use super::text::{self, Time};
use crate::event::Mode;

/// `guard.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Main {
    pub(super) sweep: Option<Spanned<Time>>,
    pub(super) brake: BrakeEntry,
    pub(super) never: Vec<Selector>,
    #[serde(rename = "policy")]
    pub(super) policies: Vec<PolicyEntry>,
}

/// A file of `guard.d`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DropIn {
    pub(super) never: Vec<Selector>,
    #[serde(rename = "policy")]
    pub(super) policies: Vec<PolicyEntry>,
}

/// `[brake]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BrakeEntry {
    pub(super) share: Option<Spanned<f64>>,
    pub(super) peers: Option<Spanned<u32>>,
}

/// `[[policy]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PolicyEntry {
    pub(super) name: Spanned<String>,
    #[serde(default, rename = "match")]
    pub(super) selector: Selector,
    #[serde(default, deserialize_with = "text::namespaces")]
    pub(super) netns: Vec<Namespace>,
    pub(super) deadline: Spanned<Time>,
    #[serde(default)]
    pub(super) protect: Mode,
    #[serde(default)]
    pub(super) supervise: Mode,
    #[serde(default)]
    pub(super) kill: Mode,
    #[serde(default)]
    pub(super) survive_lost: Option<u32>,
    #[serde(default)]
    pub(super) slow_readers: SlowReadersEntry,
    #[serde(default)]
    pub(super) after_close: Option<Time>,
    #[serde(default, deserialize_with = "text::idle_limit")]
    pub(super) middlebox: Option<Duration>,
    #[serde(default)]
    pub(super) kills_per_minute: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) hooks: HooksEntry,
}

/// Whether live peers that don't read may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SlowReadersEntry {
    #[default]
    Keep,
    Drop,
}

/// Programs to run, with their arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HooksEntry {
    pub(super) before_kill: Option<Spanned<Vec<String>>>,
    pub(super) after_kill: Option<Spanned<Vec<String>>>,
}

/// Less alike than this is no typing error.
const ALIKE: f64 = 0.75;

/// Reads one file's text.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().trim_end();
        ConfigError::Wrong {
            place: Place::of(path, text, error.span().map(|span| span.start)),
            problem: of_key(message).unwrap_or_else(|| of_value(message)),
        }
    })
}

/// What serde says of values, in a user's words.
fn of_value(message: &str) -> String {
    let message = message.replace('\n', ", ");
    let numbers = [
        ("expected u32", "expected a whole number"),
        ("expected f64", "expected a number"),
    ];
    (numbers.into_iter()).fold(message, |said, (of_serde, ours)| {
        said.replace(of_serde, ours)
    })
}

/// What serde says of keys, in a user's words: with the one that was meant, if one is alike.
fn of_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let key = quoted.next()?;
    if message.starts_with("missing field") {
        return Some(format!("{key} is missing"));
    }
    if !message.starts_with("unknown field") {
        return None;
    }
    let known: Vec<&str> = quoted.collect();
    let rated = known.iter().map(|it| (strsim::jaro_winkler(key, it), it));
    let alike = rated.filter(|(alike, _)| *alike >= ALIKE);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    Some(match best {
        Some((_, best)) => format!("unknown key {key}: did you mean {best}?"),
        None => format!("unknown key {key}: there are {}", known.join(", ")),
    })
}
