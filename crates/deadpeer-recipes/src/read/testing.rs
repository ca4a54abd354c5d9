//! What the tests of readers share.

use std::collections::BTreeMap;

use super::document::{Document, SyntaxError};
use super::files::{Files, Loader};
use crate::recipe::Syntax;

/// A text as a file `f`, read.
pub(crate) fn document(syntax: Syntax, text: &str) -> Result<Document, SyntaxError> {
    let mut files = Folder::default();
    let mut loader = Loader::new(&mut files, syntax);
    loader.read("f".into(), text.into(), Document::ROOT)?;
    Ok(loader.document)
}

/// `block/key=word,word` of each entry.
pub(crate) fn told(document: &Document) -> Vec<String> {
    let entries = document.entries.iter().map(|entry| {
        let words: Vec<_> = entry.words.iter().map(|word| word.text.as_str()).collect();
        let block = &document.blocks[entry.block].name;
        format!("{block}/{}={}", entry.key.text, words.join(","))
    });
    entries.collect()
}

/// Files by their names.
#[derive(Debug, Default)]
pub(crate) struct Folder(pub(crate) BTreeMap<String, Result<String, String>>);

impl Files for Folder {
    fn find(&mut self, pattern: &str, _: &str) -> Vec<(String, Result<String, String>)> {
        let begin = pattern.split('*').next().unwrap_or_default();
        let matching = self
            .0
            .iter()
            .filter(|(path, _)| match pattern.contains('*') {
                true => path.starts_with(begin),
                false => *path == pattern,
            });
        matching
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    }
}
