//! New keys of a YAML file, in the mappings that are there, or with those that they need.

use std::fmt::Write as _;

use super::Changes;
use crate::read::document::{Document, Entry};
use crate::read::sockets::Spoken;

/// A key that is to be written, by its path from the mapping that stands for the sockets.
pub(super) struct New<'k> {
    pub(super) path: Vec<&'k str>,
    pub(super) node: Node,
}

/// What stands at the end of a path.
#[derive(Clone)]
pub(super) enum Node {
    Value(String),
    /// An item of the list there.
    Item(String),
}

/// Writes keys for some sockets; what has no place is given back.
pub(super) fn insert<'k>(
    changes: &mut Changes,
    document: &Document,
    spoken: &Spoken<'_>,
    new: Vec<New<'k>>,
) -> Vec<New<'k>> {
    let beside = spoken.by.first().copied();
    let base = beside.map_or("", |entry| {
        let path = &entry.key.text;
        path.rfind('.').map_or("", |dot| &path[..=dot])
    });
    let mut places: Vec<(Place, Vec<New<'k>>)> = Vec::new();
    let mut left = Vec::new();
    for mut one in new {
        let Some((place, deep)) = place(document, spoken, base, beside, &one) else {
            left.push(one);
            continue;
        };
        one.path.drain(..deep);
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, there)) => there.push(one),
            None => places.push((place, vec![one])),
        }
    }
    for (place, new) in places {
        changes.insert(place.file, place.at, &place.text(&new));
    }
    left
}

/// Where new lines go, and how they are written there.
#[derive(PartialEq, Eq)]
struct Place {
    file: usize,
    at: usize,
    style: Style,
}

#[derive(PartialEq, Eq)]
enum Style {
    /// Lines of their own, before one that begins in this column.
    Lines(usize),
    /// The same, but that line begins with the dash of a list.
    Dashed(usize),
    /// Items of a list, before the first, whose dash is in this column.
    Items(usize),
    /// Within braces or brackets, before what is there; `true`: nothing is.
    Flow(bool),
}

/// The deepest mapping or list of a path that is there, and how many steps lead to it.
fn place(
    document: &Document,
    spoken: &Spoken<'_>,
    base: &str,
    beside: Option<&Entry>,
    new: &New<'_>,
) -> Option<(Place, usize)> {
    let here = |path: &str| {
        let mut entries = document.entries.iter();
        entries.find(|entry| entry.block == spoken.block && entry.key.text == path)
    };
    let is_item = matches!(new.node, Node::Item(_));
    let deepest = new.path.len() - usize::from(!is_item);
    for deep in (1..=deepest).rev() {
        let Some(found) = here(&format!("{base}{}", new.path[..deep].join("."))) else {
            continue;
        };
        // Neither an alias nor nothing at all can be added to.
        if !found.words.is_empty() {
            return None;
        }
        let items = is_item && deep == deepest;
        return Some((inside(document, found, items)?, deep));
    }
    // What is written flat stays so.
    let entry = beside?;
    let column = column(document.text(entry.file), entry.key.at.start);
    Some((beside_key(document, entry, column), 0))
}

/// Before the first thing in a mapping or list.
fn inside(document: &Document, outer: &Entry, items: bool) -> Option<Place> {
    let file = outer.file;
    let text = document.text(file);
    let behind = text[outer.key.at.end..].find(':')? + outer.key.at.end + 1;
    let rest = text[behind..].trim_start_matches(' ');
    if rest.starts_with(['{', '[']) {
        let at = text.len() - rest.len() + 1;
        let empty = rest[1..].trim_start().starts_with(['}', ']']);
        let style = Style::Flow(empty);
        return Some(Place { file, at, style });
    }
    let first = text[behind..].lines().skip(1).find(|line| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    })?;
    // A part of the text, and so somewhere in it.
    let at = first.as_ptr().addr() - text.as_ptr().addr();
    let blank = first.len() - first.trim_start().len();
    let style = match (items, first.trim_start().starts_with("- ")) {
        (true, true) => Style::Items(blank),
        (false, false) => Style::Lines(blank),
        (true, false) | (false, true) => return None,
    };
    Some(Place { file, at, style })
}

/// In the mapping of a key, before it.
fn beside_key(document: &Document, entry: &Entry, column: usize) -> Place {
    let text = document.text(entry.file);
    let at = entry.key.at.start;
    let before = text[..at].rsplit('\n').next().unwrap_or_default();
    let (at, style) = match before.trim() {
        "" => (at - before.len(), Style::Lines(column)),
        dash if dash.ends_with('-') => (at, Style::Dashed(column)),
        _ => (at, Style::Flow(false)),
    };
    let file = entry.file;
    Place { file, at, style }
}

fn column(text: &str, at: usize) -> usize {
    let before = text[..at].rsplit('\n').next().unwrap_or_default();
    before.chars().count()
}

impl Place {
    fn text(&self, new: &[New<'_>]) -> String {
        let nodes: Vec<_> = new.iter().map(|new| (&new.path[..], &new.node)).collect();
        match self.style {
            Style::Lines(column) => block(&nodes, column),
            Style::Items(column) => block(&nodes, column),
            Style::Dashed(column) => {
                let text = block(&nodes, column);
                format!("{}{}", text.trim_start(), " ".repeat(column))
            }
            Style::Flow(true) => flow(&nodes),
            Style::Flow(false) => format!("{}, ", flow(&nodes)),
        }
    }
}

/// What stands at the end of the steps that are left.
type Leaf<'n> = (&'n [&'n str], &'n Node);

/// The parts that begin with the same step, in their order.
fn steps<'n>(nodes: &[Leaf<'n>]) -> Vec<(&'n str, Vec<Leaf<'n>>)> {
    let mut steps: Vec<(&str, Vec<_>)> = Vec::new();
    for (path, node) in nodes {
        let Some((first, rest)) = path.split_first() else {
            continue;
        };
        match steps.iter_mut().find(|(step, _)| step == first) {
            Some((_, there)) => there.push((rest, *node)),
            None => steps.push((*first, vec![(rest, *node)])),
        }
    }
    steps
}

fn block(nodes: &[Leaf<'_>], column: usize) -> String {
    let indent = " ".repeat(column);
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (path, node) in nodes {
        if let ([], Node::Item(item)) = (path, node) {
            let _ = writeln!(text, "{indent}- {item}");
        }
    }
    for (step, nodes) in steps(nodes) {
        let _ = match &nodes[..] {
            [([], Node::Value(value))] => writeln!(text, "{indent}{step}: {value}"),
            nodes => write!(text, "{indent}{step}:\n{}", block(nodes, column + 2)),
        };
    }
    text
}

fn flow(nodes: &[Leaf<'_>]) -> String {
    let items = nodes.iter().filter_map(|(path, node)| match (path, node) {
        ([], Node::Item(item)) => Some(item.clone()),
        _ => None,
    });
    let mut parts: Vec<String> = items.collect();
    for (step, nodes) in steps(nodes) {
        parts.push(match &nodes[..] {
            [([], Node::Value(value))] => format!("{step}: {value}"),
            nodes if nodes.iter().all(|(path, _)| path.is_empty()) => {
                format!("{step}: [{}]", flow(nodes))
            }
            nodes => format!("{step}: {{{}}}", flow(nodes)),
        });
    }
    parts.join(", ")
}
