//! A program's configuration, read by its recipe: what it promises now, and what to change.
//!
//! Nothing is written, and no file is opened: whoever asks brings their text ([`Files`]).

mod better;
mod change;
mod diff;
mod document;
mod error;
mod files;
mod keys;
mod load;
mod named;
mod own;
mod replay;
mod secrets;
mod sockets;
mod syntax;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod value;
mod whose;

use std::collections::BTreeMap;
use std::time::Duration;

use deadpeer_core::{Kernel, Silence};

pub use self::document::{Place, Remark, SyntaxError};
pub use self::error::ReadError;
pub use self::files::Files;
pub use self::named::Unnamed;
pub use self::own::{Own, OwnEnd};
pub use self::sockets::{Line, Sockets};

use self::better::{better, late, lines_of_all, wanted};
use self::change::Changes;
use self::document::Document;
use self::load::load;
use self::replay::{Recording, Replay};
use self::sockets::{Asked, Spoken, of_side};
use crate::advice::{Advice, advise};
use crate::recipe::{Configuration, Recipe};

/// What is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file, as it was named, and its text; `None`: the command line is all there is.
    pub file: Option<(&'a str, &'a str)>,
    /// The command line of a running program, which may set keys as well, and whose file is its
    /// own whatever stands in it; empty: somebody named the file.
    pub arguments: &'a [String],
}

/// What a configuration promises, and what to change.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// What the recipe advises.
    pub advice: Advice,
    /// The files that were read.
    pub files: Vec<String>,
    /// The sockets that it speaks of.
    pub sockets: Vec<Sockets>,
    /// The program's own timeouts.
    pub own: Vec<Own>,
    /// What was not understood, or could not be read.
    pub remarks: Vec<Remark>,
    /// For each file that is to be changed a unified diff without context.
    pub diffs: Vec<String>,
    /// Passwords are left out of the diffs, so that no patch can be made of them.
    pub passwords_hidden: bool,
    /// Lines to write that have no place in what was read.
    pub by_hand: Vec<String>,
}

impl Reading {
    /// Whether the deadline is kept: by the kernel, or by a timeout of the program's own that ends
    /// every connection. `None`: it can't be told.
    #[must_use]
    pub fn keeps(&self) -> Option<bool> {
        let within = self.advice.within;
        let own = |silence| self.own.iter().any(|own| own.keeps(silence, within));
        let kept = |sockets: &Sockets| {
            let fit = sockets.fit.as_ref()?;
            let mut silences = Silence::JUDGED.into_iter();
            Some(silences.all(|silence| fit.keeps(silence) || own(silence)))
        };
        let kept: Vec<Option<bool>> = self.sockets.iter().map(kept).collect();
        match (
            kept.contains(&Some(false)),
            kept.contains(&None) || kept.is_empty(),
        ) {
            (true, _) => Some(false),
            (false, true) => None,
            // What could not be read may say something else.
            (false, false) => self.remarks.is_empty().then_some(true),
        }
    }

    /// The silences in which these sockets miss the deadline whatever is written.
    #[must_use]
    pub fn missed_at_best(&self) -> Vec<Silence> {
        let mut advice = self.advice.clone();
        advice.sides.retain(|side| {
            let mut sockets = self.sockets.iter();
            sockets.any(|sockets| sockets.side == side.side)
        });
        advice.missed()
    }
}

/// Reads a program's configuration.
///
/// # Errors
/// [`ReadError`] where nothing can be said of it.
pub fn read(
    recipe: &'static Recipe,
    within: Duration,
    kernel: &Kernel,
    source: Source<'_>,
    files: &mut dyn Files,
) -> Result<Reading, ReadError> {
    let no_file = |how: &&Configuration| how.marks.is_empty() && how.everyday.is_empty();
    let how = recipe.read.as_ref();
    let Some(how) = how.filter(|how| source.file.is_none() || !no_file(how)) else {
        return Err(ReadError::Unreadable(&recipe.name));
    };
    let advice = advise(recipe, within, kernel);
    let asked = Asked {
        how,
        within,
        kernel,
    };
    let mut recording = Recording {
        files,
        found: BTreeMap::new(),
    };
    let mut document = load(recipe, how, source, &mut recording)?;
    let mut remarks = std::mem::take(&mut document.remarks);
    remarks.extend(unjudged(&document, how));
    let spoken = spoken(&document, recipe, asked, &mut remarks);
    let own = own::of(&document, recipe, how);
    let mut changes = wanted(&document, how, &advice, &spoken, &own);
    let fulfilled = |texts| {
        let replay = Replay {
            found: &recording.found,
            texts,
        };
        fulfilled(recipe, asked, source, replay, &advice)
    };
    // A patch is shown if what it makes is read as was meant.
    if !changes.is_empty()
        && (!changes.are_apart() || fulfilled(changes.texts(&document)) != Some(true))
    {
        changes = Changes::by_hand(lines_of_all(&advice, &spoken));
    }
    let diffs = changes.files(&document).map(|(file, edits)| {
        let source = &document.files[file];
        diff::unified(&source.path, &source.text, &edits)
    });
    let diffs: Vec<String> = diffs.collect();
    let shown: Vec<String> = diffs.iter().map(|diff| secrets::masked(diff)).collect();
    remarks.sort_by(|one, other| one.place.cmp(&other.place));
    remarks.dedup();
    let mut by_hand = changes.by_hand;
    by_hand.dedup();
    Ok(Reading {
        files: document
            .files
            .iter()
            .map(|file| file.path.clone())
            .collect(),
        sockets: spoken.into_iter().map(|spoken| spoken.sockets).collect(),
        own,
        remarks,
        passwords_hidden: shown != diffs,
        diffs: shown,
        by_hand,
        advice,
    })
}

/// Whether the sockets keep the deadline as well as they can once files have other texts; `None`
/// if they can't be read any more.
fn fulfilled(
    recipe: &'static Recipe,
    asked: Asked<'_>,
    source: Source<'_>,
    mut replay: Replay<'_>,
    advice: &Advice,
) -> Option<bool> {
    let text = source
        .file
        .map(|(path, text)| (path, replay.text(path, text)));
    let source = Source {
        file: text.as_ref().map(|(path, text)| (*path, text.as_str())),
        ..source
    };
    let document = load(recipe, asked.how, source, &mut replay).ok()?;
    let spoken = spoken(&document, recipe, asked, &mut Vec::new());
    let own = own::of(&document, recipe, asked.how);
    let better = better(advice, &spoken).next().is_some();
    Some(!better && late(advice, &own).next().is_none())
}

/// The lines that open connections of which nothing is said, unless to a socket of this machine.
fn unjudged(document: &Document, how: &Configuration) -> impl Iterator<Item = Remark> {
    let entries = document.entries.iter().filter(|entry| {
        let mut words = entry.words.iter();
        how.unjudged.contains(&entry.key.text) && !words.any(|word| word.text.contains("unix:"))
    });
    entries.map(|entry| Remark {
        place: document.place(entry.file, entry.key.at.start),
        what: format!("what {} connects to is not judged", entry.key.text),
    })
}

fn spoken<'d>(
    document: &'d Document,
    recipe: &'static Recipe,
    asked: Asked<'_>,
    remarks: &mut Vec<Remark>,
) -> Vec<Spoken<'d>> {
    let sides = recipe.sides.iter().filter(|side| !side.unread);
    sides
        .flat_map(|side| of_side(document, side, asked, remarks))
        .collect()
}
