//! Timeouts of the program's own, as they are written, and when they end a connection whose peer
//! has vanished.

use std::time::Duration;

use deadpeer_core::Silence;

use super::document::{Document, Entry};
use super::keys::named;
use super::sockets::Line;
use super::value::milliseconds;
use crate::recipe::{Configuration, Ends, OwnTimeout, Recipe, Syntax};

/// A timeout of the program's own, as its configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Own {
    /// What the recipe says of it.
    pub timeout: &'static OwnTimeout,
    /// The lines that set it; empty: its default holds.
    pub said: Vec<Line>,
    /// When it ends a connection, in the worst of its settings.
    pub ends: OwnEnd,
}

/// When a timeout ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OwnEnd {
    /// After so long.
    After(Duration),
    /// It is off.
    Never,
    /// A value was not understood.
    Unknown,
}

impl Own {
    /// Whether it ends every connection in this silence within the deadline, whatever the client
    /// does.
    #[must_use]
    pub fn keeps(&self, silence: Silence, within: Duration) -> bool {
        self.timeout.covers(silence) && matches!(self.ends, OwnEnd::After(after) if after <= within)
    }
}

/// Those of a recipe that tell when they end something.
pub(crate) fn of(document: &Document, recipe: &'static Recipe, how: &Configuration) -> Vec<Own> {
    let read = recipe.telling().map(|(timeout, ends)| {
        let (mut said, values) = written(document, how, &timeout.key, &timeout.default);
        let (times_said, times) = match &ends.times {
            Some(key) => written(document, how, key, &ends.times_default.to_string()),
            None => (Vec::new(), vec!["1".to_owned()]),
        };
        said.extend(times_said);
        let times = times.iter().map(|times| times.parse::<u32>().ok());
        let times: Option<Vec<u32>> = times.collect();
        let times = times.and_then(|times| times.into_iter().max());
        let (then_said, then) = match &ends.then {
            Some(key) => {
                let default = ends.then_default.as_deref().unwrap_or_default();
                written(document, how, key, default)
            }
            None => (Vec::new(), vec!["0".to_owned()]),
        };
        said.extend(then_said);
        let then = then.iter().map(|then| milliseconds(then, ends.unit));
        let then: Option<Vec<u64>> = then.collect();
        let then = then.and_then(|then| then.into_iter().max());
        let worst = values.iter().map(|value| match times.zip(then) {
            Some((times, then)) => end(ends, value, times, Duration::from_millis(then)),
            None => OwnEnd::Unknown,
        });
        Own {
            timeout,
            said,
            ends: worst.max().unwrap_or(OwnEnd::Unknown),
        }
    });
    read.collect()
}

/// The lines with a key, and every value that it may have: where blocks set it, what holds outside
/// of them counts as well.
fn written(
    document: &Document,
    how: &Configuration,
    key: &str,
    default: &str,
) -> (Vec<Line>, Vec<String>) {
    let entries = document.entries.iter();
    let with = entries.filter(|entry| named(how.syntax, entry, key).is_some());
    let with: Vec<_> = with.collect();
    let taken = key.split(' ').count() - 1;
    let value = |entry: &&Entry| {
        let word = entry.words.get(taken);
        word.map(|word| word.text.clone()).unwrap_or_default()
    };
    let outermost = |entry: &&&Entry| holds_for_all(document, how, entry.block);
    let outside: Vec<_> = with.iter().filter(outermost).collect();
    let counts = match how.first_counts {
        true => outside.first(),
        false => outside.last(),
    };
    let mut values = vec![counts.map_or_else(|| default.to_owned(), |entry| value(entry))];
    let inside = with.iter().filter(|entry| entry.block != Document::ROOT);
    values.extend(inside.map(value));
    let lines = with.iter().map(|entry| Line::of(document, entry));
    (lines.collect(), values)
}

/// Whether what stands in a block holds for every connection unless a block within says otherwise.
fn holds_for_all(document: &Document, how: &Configuration, block: usize) -> bool {
    let outermost = ["http", "stream", "defaults"];
    block == Document::ROOT
        || how.syntax == Syntax::Ini
        || outermost.contains(&document.blocks[block].name.as_str())
}

/// When a connection ends with this value.
fn end(ends: &Ends, value: &str, times: u32, then: Duration) -> OwnEnd {
    match milliseconds(value, ends.unit) {
        None if matches!(value, "none" | "no" | "off" | "infinity") => OwnEnd::Never,
        None => OwnEnd::Unknown,
        Some(ms) => match ends.after(ms, times) {
            Some(after) => OwnEnd::After(after.saturating_add(then)),
            None => OwnEnd::Never,
        },
    }
}
