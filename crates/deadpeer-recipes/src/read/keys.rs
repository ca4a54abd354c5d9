//! Which entries a key of a recipe means, and what value they give it.

use std::ops::Range;

use super::document::{Document, Entry};
use crate::recipe::{Each, Key, Syntax};

/// A value of a key, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Found<'d> {
    pub(crate) entry: &'d Entry,
    pub(crate) value: String,
    /// The value alone; empty where the key's being there is all.
    pub(crate) at: Range<usize>,
}

/// Whether two names are one to the program.
pub(crate) fn same(syntax: Syntax, written: &str, known: &str) -> bool {
    match syntax {
        Syntax::Ssh | Syntax::Postgresql | Syntax::Words => written.eq_ignore_ascii_case(known),
        Syntax::Ini => {
            let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
            plain(written) == plain(known)
        }
        // A path, or the end of one.
        Syntax::Yaml => {
            let rest = written.strip_suffix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        Syntax::Blocks
        | Syntax::Nats
        | Syntax::Assignments
        | Syntax::Sections
        | Syntax::Calls
        | Syntax::Environment
        | Syntax::Arguments => written == known,
    }
}

/// How many words of an entry belong to its key, where it is this one: `option clitcpka` has one
/// besides its first.
pub(crate) fn named(syntax: Syntax, entry: &Entry, key: &str) -> Option<usize> {
    let mut parts = key.split(' ');
    let first = parts.next()?;
    if !same(syntax, &entry.key.text, first) {
        return None;
    }
    let mut words = entry.words.iter();
    let mut taken = 0;
    for part in parts {
        if words.next()?.text != part {
            return None;
        }
        taken += 1;
    }
    Some(taken)
}

fn stands_in(document: &Document, block: usize, blocks: &[String]) -> bool {
    blocks.is_empty() || blocks.contains(&document.blocks[block].name)
}

/// The value that an entry gives a key.
pub(crate) fn value<'d>(
    document: &Document,
    syntax: Syntax,
    entry: &'d Entry,
    key: &Key,
) -> Option<Found<'d>> {
    if !stands_in(document, entry.block, &key.blocks) {
        return None;
    }
    if let Some(rest) = key.key.strip_prefix("option ")
        && entry.key.text == "no"
        && entry
            .words
            .iter()
            .map(|word| word.text.as_str())
            .eq(["option", rest])
    {
        let (value, at) = ("off".to_owned(), entry.key.at.start..entry.end);
        return Some(Found { entry, value, at });
    }
    let taken = named(syntax, entry, &key.key)?;
    let words = &entry.words[taken..];
    let Some(parameter) = &key.parameter else {
        return Some(match words.first() {
            Some(word) => Found {
                entry,
                value: word.text.clone(),
                at: word.at.clone(),
            },
            None => Found {
                entry,
                value: "on".into(),
                at: entry.end..entry.end,
            },
        });
    };
    if let Some(name) = parameter.strip_suffix(' ') {
        let place = words.iter().position(|word| word.text == name)?;
        let word = words.get(place + 1)?;
        let (value, at) = (word.text.clone(), word.at.clone());
        return Some(Found { entry, value, at });
    }
    words.iter().find_map(|word| {
        if word.text == parameter.trim_end_matches('=') {
            let (value, at) = ("on".to_owned(), word.at.clone());
            return Some(Found { entry, value, at });
        }
        let value = word.text.strip_prefix(parameter.as_str())?.to_owned();
        // The word may stand in quotes, as may the value alone.
        let raw = &document.text(entry.file)[word.at.clone()];
        let begin = word.at.start + raw.find(['=', ':']).map_or(0, |_| offset(raw, parameter));
        let at = begin..word.at.end;
        Some(Found { entry, value, at })
    })
}

/// Where the value begins in a word that has this parameter.
fn offset(raw: &str, parameter: &str) -> usize {
    let quoted = usize::from(raw.starts_with(['"', '\'']));
    (quoted + parameter.len()).min(raw.len())
}

/// The entries that stand for sockets of their own.
pub(crate) fn each<'d>(document: &'d Document, syntax: Syntax, each: &Each) -> Vec<&'d Entry> {
    let is = |entry: &&Entry| {
        let bad = |word: &str| each.except.iter().any(|bad| word.starts_with(bad.as_str()));
        named(syntax, entry, &each.key).is_some()
            && stands_in(document, entry.block, &each.blocks)
            && !entry.words.iter().any(|word| bad(&word.text))
            && !each
                .without
                .iter()
                .any(|other| stands_beside(document, syntax, entry, other))
            && each.only.as_ref().is_none_or(|only| {
                let mut words = entry.words.iter();
                words.any(|word| word.text.eq_ignore_ascii_case(only))
            })
    };
    let entries = document.entries.iter();
    let named: Vec<_> = entries.clone().filter(is).collect();
    match &each.otherwise {
        Some(key) if named.is_empty() => {
            let otherwise = entries.filter(|entry| self::named(syntax, entry, key).is_some());
            otherwise.collect()
        }
        Some(_) | None => named,
    }
}

/// Whether a key, with this value if one follows it, stands in the block of an entry.
fn stands_beside(document: &Document, syntax: Syntax, entry: &Entry, other: &str) -> bool {
    let (key, value) = match other.split_once(' ') {
        Some((key, value)) => (key, Some(value)),
        None => (other, None),
    };
    let mut beside = document.entries.iter();
    beside.any(|one| {
        let value = || value.is_none_or(|value| one.words.iter().any(|word| word.text == value));
        one.block == entry.block && same(syntax, &one.key.text, key) && value()
    })
}
