//! Where new lines go.

use super::Changes;
use crate::read::diff::Edit;
use crate::read::document::{Document, Entry, lines};
use crate::read::sockets::Spoken;
use crate::recipe::{Key, Syntax};

/// Where new lines of some sockets go.
pub(super) struct Anchor {
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
    pub(super) fn of(document: &Document, syntax: Syntax, spoken: &Spoken<'_>) -> Self {
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
        let names = spoken.sockets.side.keys.iter().flat_map(|key| &key.blocks);
        let names: Vec<&String> = names.collect();
        let mut blocks = document.blocks.iter().skip(1);
        let named = blocks.find(|block| names.contains(&&block.name));
        match (spoken.block, named) {
            (Document::ROOT, Some(block)) => {
                Self::behind(document, syntax, block.file, block.opens, None)
            }
            // A section that isn't there is not for a patch to make.
            (Document::ROOT, None) if !names.is_empty() => Self {
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

    pub(super) fn at_the_end(document: &Document, syntax: Syntax) -> Self {
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

    pub(super) fn insert(
        &mut self,
        changes: &mut Changes,
        document: &Document,
        key: &Key,
        value: &str,
    ) {
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
pub(super) fn line(syntax: Syntax, key: &Key, value: &str) -> String {
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
