//! The files of a configuration a second time, with what a patch would make of them.

use std::collections::BTreeMap;

use super::files::Files;

/// What was found for each include.
pub(super) type Found = BTreeMap<(String, String), Vec<(String, Result<String, String>)>>;

/// Keeps what was found.
pub(super) struct Recording<'f> {
    pub(super) files: &'f mut dyn Files,
    pub(super) found: Found,
}

impl Files for Recording<'_> {
    fn find(&mut self, pattern: &str, from: &str) -> Vec<(String, Result<String, String>)> {
        let found = self.files.find(pattern, from);
        let asked = (pattern.to_owned(), from.to_owned());
        self.found.insert(asked, found.clone());
        found
    }
}

/// Finds the same again, with other texts.
pub(super) struct Replay<'f> {
    pub(super) found: &'f Found,
    pub(super) texts: Vec<(String, String)>,
}

impl Replay<'_> {
    pub(super) fn text(&self, path: &str, text: &str) -> String {
        let mut changed = self.texts.iter();
        let changed = changed.find(|(changed, _)| changed == path);
        changed.map_or(text, |(_, text)| text).to_owned()
    }
}

impl Files for Replay<'_> {
    fn find(&mut self, pattern: &str, from: &str) -> Vec<(String, Result<String, String>)> {
        let found = self.found.get(&(pattern.to_owned(), from.to_owned()));
        let again = found.into_iter().flatten().map(|(path, text)| {
            let text = text.clone().map(|text| self.text(path, &text));
            (path.clone(), text)
        });
        again.collect()
    }
}
