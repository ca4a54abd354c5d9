//! The files that configurations include, of a root.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use deadpeer_host::filter::Glob;
use deadpeer_recipes::read::Files;
use deadpeer_sys::files::Root;

use super::{LONGEST, text};

/// Files below a root; what is not absolute begins in a folder.
pub(super) struct FilesBelow<'r> {
    root: &'r Root,
    folder: &'r Path,
}

type Found = Vec<(String, Result<String, String>)>;

impl<'r> FilesBelow<'r> {
    pub(super) fn new(root: &'r Root, folder: &'r Path) -> Self {
        Self { root, folder }
    }

    /// The files of a pattern.
    pub(super) fn named(&mut self, pattern: &str) -> Found {
        self.find(pattern, "")
    }

    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::new()];
        for component in pattern.components() {
            if let Component::Normal(name) = component
                && is_pattern(name)
            {
                let begun = std::mem::take(&mut found);
                found.extend(begun.iter().flat_map(|folder| self.matching(folder, name)));
            } else {
                found.iter_mut().for_each(|path| path.push(component));
            }
        }
        found
    }

    fn matching(&self, folder: &Path, pattern: &OsStr) -> Vec<PathBuf> {
        let glob = Glob::new(pattern.as_bytes());
        let names = self.root.names(folder).unwrap_or_default();
        // As a shell has it: hidden files are not meant.
        let meant = names.into_iter().filter(|name| {
            let hidden = name.as_bytes().starts_with(b".") && !pattern.as_bytes().starts_with(b".");
            !hidden && glob.matches(name.as_bytes())
        });
        meant.map(|name| folder.join(name)).collect()
    }
}

fn is_pattern(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|byte| b"*?".contains(byte))
}

impl Files for FilesBelow<'_> {
    fn find(&mut self, pattern: &str, from: &str) -> Found {
        let beside = Path::new(from).parent().unwrap_or(Path::new(""));
        let path = self.folder.join(beside).join(pattern);
        let read = |path: PathBuf| {
            let shown = path.to_string_lossy().into_owned();
            match self.root.read(&path, LONGEST) {
                Ok(content) => Some((shown, text(content))),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => Some((shown, Err(error.to_string()))),
            }
        };
        self.expand(&path).into_iter().filter_map(read).collect()
    }
}
