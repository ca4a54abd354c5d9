//! Configurations of programs: the file that somebody names, or the one that a running program has.

mod files;
mod running;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use deadpeer_core::Kernel;
use deadpeer_recipes::read::{self, ReadError, Reading, Source, Unnamed};
use deadpeer_recipes::{Configuration, Recipe};
use deadpeer_sys::files::Root;

use crate::exit::Stop;
use files::FilesBelow;
pub(crate) use running::{Running, programs, recipe_of};

/// No configuration is longer; what is comes from somewhere else.
const LONGEST: u64 = 4 << 20;

/// What a file holds that somebody named, which may be a pipe.
///
/// # Errors
/// As open(2) and read(2); and it goes on and on.
pub(crate) fn whole_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut content)?;
    match content.len() as u64 > LONGEST {
        true => Err(io::Error::other(format!(
            "it has more than {LONGEST} bytes"
        ))),
        false => Ok(content),
    }
}

/// Reads a configuration that somebody named.
pub(crate) fn of_file(
    recipe: &'static Recipe,
    path: &Path,
    within: Duration,
    kernel: &Kernel,
) -> Result<Reading, Stop> {
    let failed = |why: &dyn std::fmt::Display| {
        Stop::because(format!("cannot read {}: {why}", path.display()))
    };
    let content = whole_file(path).map_err(|error| failed(&error))?;
    let text = text(content).map_err(|why| failed(&why))?;
    let root = Root::own().map_err(|error| failed(&error))?;
    let folder = std::env::current_dir().map_err(|error| failed(&error))?;
    let source = Source {
        file: Some((&path.to_string_lossy(), &text)),
        arguments: &[],
    };
    let mut files = FilesBelow::new(&root, &folder);
    read::read(recipe, within, kernel, source, &mut files).map_err(Stop::because)
}

/// Why nothing can be said of a running program's configuration, as a sentence without a full stop.
pub(crate) type Unsaid = String;

/// Reads what a running program has.
pub(crate) fn of_process(
    recipe: &'static Recipe,
    running: &Running,
    within: Duration,
    kernel: &Kernel,
) -> Result<Reading, Unsaid> {
    let Some(how) = &recipe.read else {
        return Err(ReadError::Unreadable(&recipe.name).to_string());
    };
    let root = Root::of(running.pid).map_err(|error| {
        format!(
            "the files of process {} can't be read: {error}",
            running.pid
        )
    })?;
    let mut files = FilesBelow::new(&root, &running.folder);
    let file = file_of(recipe, how, running, &mut files)?;
    let source = Source {
        file: file
            .as_ref()
            .map(|(path, text)| (path.as_str(), text.as_str())),
        arguments: &running.arguments,
    };
    read::read(recipe, within, kernel, source, &mut files).map_err(|error| error.to_string())
}

/// The file that a running program reads, and its text; `None`: its command line is all it has.
fn file_of(
    recipe: &Recipe,
    how: &Configuration,
    running: &Running,
    files: &mut FilesBelow<'_>,
) -> Result<Option<(String, String)>, Unsaid> {
    let named = how.named_in(&running.arguments);
    let reads_none = match how.unnamed(&running.arguments) {
        _ if named.is_some() => None,
        Unnamed::Nothing => Some("names no file, and without one it reads none"),
        Unnamed::Hidden if !running.of_a_unit => {
            Some("doesn't tell whether it was started with a file, and without one it reads none")
        }
        Unnamed::Usual | Unnamed::Hidden | _ => None,
    };
    if let Some(reads_none) = reads_none {
        return Err(format!(
            "the command line of process {} {reads_none}",
            running.pid
        ));
    }
    let candidates = match &named {
        Some(path) => std::slice::from_ref(path),
        None => &how.files[..],
    };
    let mut found = None;
    for candidate in candidates {
        let mut all = files.named(candidate);
        if all.len() > 1 {
            return Err(format!(
                "{} has several configurations, and its command line names none: --read FILE",
                recipe.title
            ));
        }
        found = all.pop();
        if found.is_some() {
            break;
        }
    }
    match found {
        Some((path, Ok(text))) => Ok(Some((path, text))),
        Some((path, Err(why))) => Err(format!("{path} can't be read: {why}")),
        None if how.files.is_empty() && named.is_none() && !how.arguments.is_empty() => Ok(None),
        None => {
            let looked = candidates.join(", ");
            Err(format!(
                "no configuration of process {} was found ({looked})",
                running.pid
            ))
        }
    }
}

/// Text, or why it is none.
fn text(content: Vec<u8>) -> Result<String, String> {
    match String::from_utf8(content) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) | Err(_) => Err("it is not UTF-8 text".into()),
    }
}
