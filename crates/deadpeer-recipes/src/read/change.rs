//! What to change in a configuration: the values that a recipe chose, in the lines that are there,
//! or in new ones beside them.

mod anchor;
mod nested;

use std::collections::{BTreeMap, BTreeSet};

use deadpeer_core::SocketOptions;

use self::anchor::{Anchor, line};
use self::nested::{New, Node};
use super::diff::{Edit, applied};
use super::document::{Document, Entry};
use super::files::Loader;
use super::keys::{Found, named};
use super::sockets::Spoken;
use super::whose::Nothing;
use crate::advice::OwnAdvice;
use crate::recipe::{Key, Syntax};
use crate::template::fill;

/// Changes of files, by their numbers, and what no patch can say.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Changes {
    edits: BTreeMap<usize, BTreeSet<Edit>>,
    /// Lines that have no place in any file that was read.
    pub(crate) by_hand: Vec<String>,
}

impl Changes {
    /// No patch: everything is to be written by hand.
    pub(crate) fn by_hand(by_hand: Vec<String>) -> Self {
        Self {
            by_hand,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The edits of each file, in order; their lines end as those of the file do.
    pub(crate) fn files(&self, document: &Document) -> impl Iterator<Item = (usize, Vec<Edit>)> {
        let files = self.edits.iter();
        files.map(|(file, edits)| {
            let ends = match document.text(*file).contains("\r\n") {
                true => "\r\n",
                false => "\n",
            };
            let edits = edits.iter().map(|edit| Edit {
                at: edit.at,
                text: edit.text.replace('\n', ends),
            });
            (*file, edits.collect())
        })
    }

    /// The text of each changed file.
    pub(crate) fn texts(&self, document: &Document) -> Vec<(String, String)> {
        let changed = self.files(document).map(|(file, edits)| {
            let source = &document.files[file];
            (source.path.clone(), applied(&source.text, &edits))
        });
        changed.collect()
    }

    /// The edits are made one after the other, which takes that none reaches into another.
    pub(crate) fn are_apart(&self) -> bool {
        self.edits.values().all(|edits| {
            let mut pairs = edits.iter().zip(edits.iter().skip(1));
            pairs.all(|(one, next)| one.at.1 <= next.at.0)
        })
    }

    /// Several at one place are one edit, in the order of the keys.
    fn insert(&mut self, file: usize, at: usize, text: &str) {
        let edits = self.edits.entry(file).or_default();
        let first = Edit::new(at..at, String::new());
        let here = edits.range(first..).next();
        let Some(mut edit) = here.filter(|edit| edit.at == (at, at)).cloned() else {
            edits.insert(Edit::new(at..at, text.to_owned()));
            return;
        };
        if !edit.text.contains(text.trim()) {
            edits.remove(&edit);
            edit.text += text;
            edits.insert(edit);
        }
    }

    fn add(&mut self, file: usize, edit: Edit) {
        self.edits.entry(file).or_default().insert(edit);
    }
}

/// Writes the values of these options.
pub(crate) fn sockets(
    changes: &mut Changes,
    document: &Document,
    syntax: Syntax,
    spoken: &Spoken<'_>,
    options: &SocketOptions,
) {
    let side = spoken.sockets.side;
    let mut anchor = Anchor::of(document, syntax, spoken);
    let mut nested = Vec::new();
    for (place, (key, found)) in side.keys.iter().zip(&spoken.found).enumerate() {
        let fill = |text: &String| fill(text, options, None);
        let value = fill(&key.write);
        if value.contains('{') {
            continue; // The recipe has no value for it.
        }
        let mut others = side.keys.iter().zip(&spoken.found).enumerate();
        let counts_instead = |(at, (other, there)): (usize, (&Key, &Option<Found<'_>>))| {
            other.sets == key.sets
                && match found {
                    Some(_) => at > place && there.is_some(),
                    None => at < place || there.is_some(),
                }
        };
        if others.any(counts_instead) {
            continue;
        }
        let own_line = side.each.as_ref().is_some_and(|each| each.key == key.key);
        match (found, spoken.by.first(), &key.parameter) {
            (Some(found), _, _) => replace(changes, document, syntax, key, found, &value),
            (None, Some(line), Some(parameter)) if own_line => {
                let at = last_word(line);
                changes.insert(line.file, at, &format!(" {parameter}{value}"));
            }
            (None, _, Some(parameter)) if syntax == Syntax::Calls => {
                let mut lines = document.entries.iter().rev();
                match lines.find(|line| named(syntax, line, &key.key).is_some()) {
                    Some(line) => {
                        let at = last_word(line);
                        changes.insert(line.file, at, &format!(" {parameter}{value}"));
                    }
                    None => anchor.insert(changes, document, key, &value),
                }
            }
            (None, _, _) if syntax == Syntax::Yaml && value.is_empty() => {}
            (None, _, _) if syntax == Syntax::Yaml => nested.push(New {
                path: key.steps(),
                node: match &key.item {
                    Some(item) => Node::Item(fill(item)),
                    None => Node::Value(value),
                },
            }),
            (None, _, _) => anchor.insert(changes, document, key, &value),
        }
    }
    for New { path, node } in nested::insert(changes, document, spoken, nested) {
        let key = Key {
            key: path.join("."),
            ..Key::default()
        };
        match node {
            Node::Value(value) => anchor.insert(changes, document, &key, &value),
            Node::Item(item) => changes.by_hand.push(format!("{}: {item}", key.key)),
        }
    }
}

/// Writes the lines of a timeout of the program's own: over every value of their keys, or as new
/// lines.
pub(crate) fn own(changes: &mut Changes, document: &Document, syntax: Syntax, advice: &OwnAdvice) {
    let mut nothing = Nothing;
    let mut loader = Loader::new(&mut nothing, syntax);
    let text = advice.lines.join("\n");
    if loader.read(String::new(), text, Document::ROOT).is_err() {
        changes.by_hand.extend(advice.lines.iter().cloned());
        return;
    }
    for new in &loader.document.entries {
        let Some(value) = new.words.first() else {
            continue;
        };
        let key = Key {
            key: new.key.text.clone(),
            ..Key::default()
        };
        let entries = document.entries.iter();
        let there = entries.filter_map(|entry| super::keys::value(document, syntax, entry, &key));
        let there: Vec<Found<'_>> = there.collect();
        for found in &there {
            replace(changes, document, syntax, &key, found, &value.text);
        }
        if there.is_empty() {
            let mut anchor = Anchor::at_the_end(document, syntax);
            anchor.insert(changes, document, &key, &value.text);
        }
    }
}

/// Behind the words of a line, and before the semicolon or the parenthesis.
fn last_word(entry: &Entry) -> usize {
    entry.words.last().unwrap_or(&entry.key).at.end
}

fn replace(
    changes: &mut Changes,
    document: &Document,
    syntax: Syntax,
    key: &Key,
    found: &Found<'_>,
    value: &str,
) {
    let source = &document.files[found.entry.file];
    let old = &source.text[found.at.clone()];
    if found.entry.key.text == "no" {
        changes.add(
            found.entry.file,
            Edit::new(found.at.clone(), key.key.clone()),
        );
        return;
    }
    if old.trim_matches(['"', '\'']) == value.trim_matches(['"', '\'']) || value.is_empty() {
        return;
    }
    if source.fixed {
        changes.by_hand.push(line(syntax, key, value));
        return;
    }
    // The parameter's name alone, as `tcpkeepalive`, becomes name and value.
    let alone = key
        .parameter
        .as_deref()
        .filter(|parameter| *old == *parameter.trim_end_matches('='));
    let value = format!("{}{value}", alone.unwrap_or_default());
    changes.add(found.entry.file, Edit::new(found.at.clone(), value));
}
