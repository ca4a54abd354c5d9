//! Time-outs of the program's own, as they are written, and when they end a connection whose peer
//! has vanished.

use std::time::Duration;

use deadpeer_core::Silence;

use super::document::Document;
use super::keys::named;
use super::sockets::Line;
use super::value::milliseconds;
use crate::recipe::{Configuration, Ends, OwnTimeout, Recipe, Syntax};

/// A time-out of the program's own, as its configuration has it.
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

/// When a time-out ends a connection.
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
        covers(self.timeout, silence)
            && matches!(self.ends, OwnEnd::After(after) if after <= within)
    }
}

/// Those of a recipe that tell when they end something.
pub(crate) fn of(document: &Document, recipe: &'static Recipe, how: &Configuration) -> Vec<Own> {
    let telling = recipe
        .timeouts
        .iter()
        .filter_map(|timeout| Some((timeout, timeout.ends.as_ref()?)));
    let read = telling.map(|(timeout, ends)| {
        let (mut said, values) = written(document, how, &timeout.key, &timeout.default);
        let (times_said, times) = match &ends.times {
            Some(key) => written(document, how, key, &ends.times_default.to_string()),
            None => (Vec::new(), vec!["1".to_owned()]),
        };
        said.extend(times_said);
        let times = times.iter().map(|times| times.parse::<u32>().ok());
        let times: Option<Vec<u32>> = times.collect();
        let times = times.and_then(|times| times.into_iter().max());
        let worst = values.iter().map(|value| match times {
            Some(times) => end(ends, value, times),
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
    let value = |entry: &&super::document::Entry| {
        let word = entry.words.get(taken);
        word.map(|word| word.text.clone()).unwrap_or_default()
    };
    let outermost = |entry: &&&super::document::Entry| holds_for_all(document, how, entry.block);
    let outside: Vec<_> = with.iter().filter(outermost).collect();
    let mut values: Vec<String> = match how.first_counts {
        true => outside
            .first()
            .map(|entry| value(entry))
            .into_iter()
            .collect(),
        false => outside
            .last()
            .map(|entry| value(entry))
            .into_iter()
            .collect(),
    };
    if values.is_empty() {
        values.push(default.to_owned());
    }
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
fn end(ends: &Ends, value: &str, times: u32) -> OwnEnd {
    match milliseconds(value, ends.unit) {
        None if matches!(value, "none" | "no" | "off" | "infinity") => OwnEnd::Never,
        None => OwnEnd::Unknown,
        Some(0) => OwnEnd::Never,
        Some(_) if times == 0 => OwnEnd::Never,
        Some(ms) => {
            let percent = match ends.percent {
                0 => 100,
                percent => u64::from(percent),
            };
            let asked = times.saturating_mul(ends.each.max(1));
            let periods = u64::from(asked.saturating_add(ends.plus));
            let period = (ms.saturating_mul(percent) / 100).saturating_add(ends.late_ms);
            let ms = period.saturating_mul(periods);
            OwnEnd::After(Duration::from_millis(ms))
        }
    }
}

/// What to write so that a time-out of the program's own keeps a deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnAdvice {
    /// What the recipe says of it.
    pub timeout: &'static OwnTimeout,
    /// The lines to write.
    pub lines: Vec<String>,
    /// When it ends a connection then.
    pub after: Duration,
}

impl OwnAdvice {
    /// Whether it ends every connection in this silence within the deadline then, whatever the
    /// client does.
    #[must_use]
    pub fn keeps(&self, silence: Silence, within: Duration) -> bool {
        covers(self.timeout, silence) && self.after <= within
    }
}

fn covers(timeout: &OwnTimeout, silence: Silence) -> bool {
    let ends = timeout.ends.as_ref();
    ends.is_some_and(|ends| ends.only.is_none() && ends.covers(silence))
}

/// The time-outs of a program that can keep a deadline, and what to write.
pub(crate) fn advise(recipe: &'static Recipe, within: Duration) -> Vec<OwnAdvice> {
    let telling = recipe
        .timeouts
        .iter()
        .filter_map(|timeout| Some((timeout, timeout.ends.as_ref()?)));
    let can = telling.filter(|(_, ends)| !ends.lines.is_empty());
    let advice = can.filter_map(|(timeout, ends)| {
        let times = match ends.times {
            Some(_) => ends.times_default,
            None => 1,
        };
        let beat = longest(ends, within, times)?;
        let OwnEnd::After(after) = end(ends, &beat.to_string(), times) else {
            return None;
        };
        let lines = ends.lines.iter().map(|line| {
            line.replace("{beat}", &beat.to_string())
                .replace("{times}", &times.to_string())
        });
        Some(OwnAdvice {
            timeout,
            lines: lines.collect(),
            after,
        })
    });
    advice.collect()
}

/// The longest value with which the deadline is kept; `None`: there is none.
fn longest(ends: &Ends, within: Duration, times: u32) -> Option<u64> {
    let keeps = |beat: &u64| match end(ends, &beat.to_string(), times) {
        OwnEnd::After(after) => after <= within,
        OwnEnd::Never | OwnEnd::Unknown => false,
    };
    // The end grows with the value: halve what is left.
    let (mut kept, mut late) = (0, u64::try_from(within.as_millis()).ok()?.saturating_add(1));
    while late - kept > 1 {
        let middle = kept + (late - kept) / 2;
        match keeps(&middle) {
            true => kept = middle,
            false => late = middle,
        }
    }
    (kept > 0).then_some(kept)
}
