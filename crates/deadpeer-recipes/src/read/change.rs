//! What to change in a configuration: the values that a recipe chose, in the lines that are there,
//! or in new ones beside them.

mod nested;

use std::collections::{BTreeMap, BTreeSet};

use deadpeer_core::SocketOptions;

use self::nested::{New, Node};
use super::diff::{Edit, applied};
use super::document::{Document, Entry, lines};
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

/// Writes the lines of a time-out of the program's own: over every value of their keys, or as new
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

/// Where new lines of some sockets go.
struct Anchor {
    syntax: Syntax,
    file: usize,
    at: usize,
    indent: String,
    /// Nothing can be put there by a patch.
    fixed: bool,
    /// Nothing stands on this line before it.
    first: bool,
    /// Any other place of the file would do.
    anywhere: bool,
    /// Within a URI: what separates the next key.
    joint: Option<&'static str>,
}

impl Anchor {
    /// Behind the last line that speaks of the same sockets, in the same block, or behind what
    /// opens it.
    fn of(document: &Document, syntax: Syntax, spoken: &Spoken<'_>) -> Self {
        let found = spoken.found.iter().flatten().map(|found| found.entry);
        let beside = found.chain(spoken.by.first().copied());
        let beside =
            beside.filter(|entry| entry.block == spoken.block && !document.files[entry.file].fixed);
        if syntax == Syntax::Environment {
            return Self::in_uri(document, spoken.block);
        }
        match beside.max_by_key(|entry| (entry.file, entry.end)) {
            Some(entry) => Self::behind(document, syntax, entry.file, entry.end, Some(entry)),
            None => Self::in_block(document, syntax, spoken),
        }
    }

    fn in_block(document: &Document, syntax: Syntax, spoken: &Spoken<'_>) -> Self {
        let within = spoken.sockets.side.keys.iter().flat_map(|key| &key.within);
        let within: Vec<&String> = within.collect();
        let mut blocks = document.blocks.iter().skip(1);
        let named = blocks.find(|block| within.contains(&&block.name));
        match (spoken.block, named) {
            (Document::ROOT, Some(block)) => {
                Self::behind(document, syntax, block.file, block.opens, None)
            }
            // A section that isn't there is not for a patch to make.
            (Document::ROOT, None) if !within.is_empty() => Self {
                fixed: true,
                ..Self::at_the_end(document, syntax)
            },
            (Document::ROOT, None) => Self::at_the_end(document, syntax),
            (block, _) => {
                let block = &document.blocks[block];
                Self::behind(document, syntax, block.file, block.opens, None)
            }
        }
    }

    /// Behind a statement; where nothing but a comment follows on its line, behind that.
    fn behind(
        document: &Document,
        syntax: Syntax,
        file: usize,
        end: usize,
        entry: Option<&Entry>,
    ) -> Self {
        let text = document.text(file);
        let rest = text[end..].split('\n').next().unwrap_or_default();
        let comment = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        let at = if comment {
            end + rest.trim_end().len()
        } else {
            end
        };
        let begin = entry.map_or(end, |entry| entry.key.at.start);
        let before = text[..begin].rsplit('\n').next().unwrap_or_default();
        let blank = before.len() - before.trim_start().len();
        let mut indent = before[..blank].to_owned();
        if entry.is_none() && matches!(syntax, Syntax::Blocks | Syntax::Sections) {
            indent += "    ";
        }
        Self {
            syntax,
            file,
            at,
            indent,
            fixed: document.files[file].fixed,
            first: false,
            anywhere: false,
            joint: None,
        }
    }

    fn at_the_end(document: &Document, syntax: Syntax) -> Self {
        let text = document.text(0);
        // What Match and Host reach over would not be for everybody.
        let mut blocks = document.blocks.iter().skip(1);
        let block = blocks.find(|block| block.file == 0);
        let block = block.filter(|_| syntax == Syntax::Ssh);
        let at = match block {
            Some(block) => text[..block.opens].rfind('\n').map_or(0, |place| place + 1),
            None => text.len(),
        };
        Self {
            syntax,
            file: 0,
            at,
            indent: String::new(),
            fixed: document.files[0].fixed || syntax == Syntax::Calls,
            first: at == 0 || text[..at].ends_with('\n'),
            anywhere: true,
            joint: None,
        }
    }

    fn in_uri(document: &Document, block: usize) -> Self {
        let Some(uri) = document
            .blocks
            .get(block)
            .filter(|_| block != Document::ROOT)
        else {
            return Self {
                fixed: true,
                ..Self::at_the_end(document, Syntax::Environment)
            };
        };
        let has_keys = document.entries.iter().any(|entry| entry.block == block);
        Self {
            syntax: Syntax::Environment,
            file: uri.file,
            at: uri.opens,
            indent: String::new(),
            fixed: false,
            first: false,
            anywhere: false,
            joint: Some(match (uri.name.as_str(), has_keys) {
                ("conninfo", _) => " ",
                (_, true) => "&",
                (_, false) => "?",
            }),
        }
    }

    fn insert(&mut self, changes: &mut Changes, document: &Document, key: &Key, value: &str) {
        let line = line(self.syntax, key, value);
        if self.fixed {
            changes.by_hand.push(line);
            return;
        }
        if let Some(joint) = self.joint {
            changes.insert(self.file, self.at, &format!("{joint}{}={value}", key.key));
            self.joint = Some(if joint == " " { " " } else { "&" });
            return;
        }
        // Where the example stands in a comment, the line goes below it.
        if self.syntax != Syntax::Blocks
            && self.anywhere
            && key.parameter.is_none()
            && let Some(at) = example(document.text(self.file), &key.key)
        {
            changes.add(self.file, Edit::new(at..at, format!("\n{line}")));
            return;
        }
        let line = format!("{}{line}", self.indent);
        let text = match self.first {
            true => format!("{line}\n"),
            false => format!("\n{line}"),
        };
        changes.insert(self.file, self.at, &text);
    }
}

/// The end of a comment that shows a key: `#tcp_keepalives_idle = 0`.
fn example(text: &str, key: &str) -> Option<usize> {
    let mut shown = lines(text).filter(|(_, line)| {
        let rest = line.trim_start().strip_prefix('#').map(str::trim_start);
        let rest = rest.and_then(|rest| rest.strip_prefix(key));
        rest.is_some_and(|rest| rest.trim_start().starts_with('=') || rest.starts_with(' '))
    });
    let (begin, line) = shown.next()?;
    Some(begin + line.len())
}

/// A new line with a key.
fn line(syntax: Syntax, key: &Key, value: &str) -> String {
    let value = format!("{}{value}", key.parameter.as_deref().unwrap_or_default());
    let name = &key.key;
    match syntax {
        Syntax::Blocks => format!("{name} {value};"),
        Syntax::Ini | Syntax::Postgresql | Syntax::Assignments => format!("{name} = {value}"),
        Syntax::Environment | Syntax::Arguments => format!("{name}={value}"),
        Syntax::Yaml | Syntax::Nats => format!("{name}: {value}"),
        Syntax::Words | Syntax::Ssh | Syntax::Sections | Syntax::Calls => {
            format!("{name} {value}").trim_end().to_owned()
        }
    }
}
