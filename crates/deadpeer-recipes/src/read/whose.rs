//! Whose a file is, by the keys that only one program has.

use std::collections::BTreeSet;

use super::document::Document;
use super::files::{Files, Loader};
use super::keys::same;
use crate::catalogue::all;
use crate::recipe::{Configuration, Recipe};

/// So many marks of another program are no accident.
const ENOUGH: usize = 2;

/// How many of its marks a program finds in a file.
pub(crate) fn marks(document: &Document, how: &Configuration) -> usize {
    let entries = document.entries.iter().map(|entry| entry.key.text.as_str());
    let blocks = document.blocks.iter().map(|block| block.name.as_str());
    let written: BTreeSet<&str> = entries.chain(blocks).collect();
    let found = how.marks.iter().filter(|mark| {
        let mut written = written.iter();
        written.any(|name| same(how.syntax, name, mark))
    });
    found.count()
}

/// Whether the first file has keys, and none but such as the program knows.
pub(crate) fn is_everyday(document: &Document, how: &Configuration) -> bool {
    let knows = |written: &str| {
        let mut everyday = how.everyday.iter();
        everyday.any(|known| match known.strip_suffix('*') {
            Some(begin) => written.starts_with(begin),
            None => same(how.syntax, written, known),
        })
    };
    let mut blocks = document
        .blocks
        .iter()
        .skip(1)
        .filter(|block| block.file == 0);
    sets(document) && blocks.all(|block| knows(&block.name)) && {
        let mut entries = document.entries.iter().filter(|entry| entry.file == 0);
        entries.all(|entry| knows(&entry.key.text))
    }
}

/// Whether the first file sets anything itself.
pub(crate) fn sets(document: &Document) -> bool {
    document.entries.iter().any(|entry| entry.file == 0)
}

/// Whether a file that sets nothing may be the program's: it is empty, is called as the program's
/// is, or shows keys of it in comments.
pub(crate) fn may_be(path: &str, text: &str, how: &Configuration) -> bool {
    if is_called(path, how) {
        return true;
    }
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let shown: BTreeSet<&str> = said
        .map(|line| line.trim_start_matches(['#', ';', ' ', '\t']))
        .filter_map(|line| line.split([' ', '\t', '=', ':', '{', '(']).next())
        .collect();
    let found = how.marks.iter().filter(|mark| {
        let mut shown = shown.iter();
        shown.any(|name| same(how.syntax, name, mark))
    });
    shown.is_empty() || found.count() >= ENOUGH
}

/// Whether a file is called as another program's is, and not as the one's that was asked for.
pub(crate) fn is_called_anothers(path: &str, how: &Configuration) -> bool {
    let mut all = all().iter().filter_map(|recipe| recipe.read.as_ref());
    !is_called(path, how) && all.any(|other| is_called(path, other))
}

fn is_called(path: &str, how: &Configuration) -> bool {
    let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
    how.files.iter().any(|file| name(file) == name(path))
}

/// The program that a file is for, where it has no marks of the one asked for.
pub(crate) fn other(asked: &Recipe, path: &str, text: &str) -> Option<&'static Recipe> {
    let others = all().iter().filter(|recipe| recipe.name != asked.name);
    let rated = others.filter_map(|recipe| {
        let how = recipe.read.as_ref()?;
        let mut nothing = Nothing;
        let mut loader = Loader::new(&mut nothing, how.syntax);
        let read = loader.read(path.to_owned(), text.to_owned(), Document::ROOT);
        read.ok()?;
        Some((marks(&loader.document, how), recipe))
    });
    let best = rated.max_by_key(|(marks, _)| *marks)?;
    (best.0 >= ENOUGH).then_some(best.1)
}

/// No files but the one that was given.
pub(crate) struct Nothing;

impl Files for Nothing {
    fn find(&mut self, _: &str, _: &str) -> Vec<(String, Result<String, String>)> {
        Vec::new()
    }
}
