//! What was asked for, as a document of the program that was meant, and of no other.

use super::document::Document;
use super::error::ReadError;
use super::files::{Files, Loader};
use super::{Source, syntax, whose};
use crate::recipe::{Configuration, Recipe};

/// Reads the files and the command line.
pub(super) fn load(
    recipe: &'static Recipe,
    how: &'static Configuration,
    source: Source<'_>,
    files: &mut dyn Files,
) -> Result<Document, ReadError> {
    let mut loader = Loader::new(files, how.syntax);
    if let Some((path, text)) = source.file {
        let read = loader.read(path.to_owned(), text.to_owned(), Document::ROOT);
        let sets = whose::sets(&loader.document);
        let known = whose::marks(&loader.document, how) > 0
            || whose::is_everyday(&loader.document, how) && !whose::is_called_anothers(path, how)
            || !sets && read.is_ok() && whose::may_be(path, text, how);
        if !known && let Some(looks_like) = whose::other(recipe, path, text) {
            return Err(ReadError::Another {
                file: path.to_owned(),
                asked: &recipe.name,
                looks_like: &looks_like.name,
            });
        }
        read.map_err(|error| ReadError::Syntax {
            error,
            check: recipe.check.clone(),
        })?;
        // What a running program reads is its own.
        if !known && source.arguments.is_empty() {
            let (file, title) = (path.to_owned(), recipe.title.as_str());
            let keys = match how.marks.is_empty() {
                true => &how.everyday,
                false => &how.marks,
            };
            let keys = &keys[..keys.len().min(3)];
            return Err(match sets {
                true => ReadError::Strange { file, title, keys },
                false => ReadError::Silent { file, title, keys },
            });
        }
    }
    syntax::command_line(&mut loader.document, how, source.arguments);
    Ok(loader.document)
}
