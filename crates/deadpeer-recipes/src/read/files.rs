//! Where the text of files comes from: whoever asks brings them, for nothing here opens any.

use super::document::{Document, SourceFile, SyntaxError};
use super::syntax;
use crate::recipe::Syntax;

/// Finds files for a reader.
pub trait Files {
    /// The files that a path or pattern means, in the order of their names, each with its text or
    /// why it can't be read. A path that is not absolute begins in the folder of `from`.
    fn find(&mut self, pattern: &str, from: &str) -> Vec<(String, Result<String, String>)>;
}

/// Nobody writes so many.
const MOST_FILES: usize = 500;
/// A file that includes itself would never end.
const DEEPEST: usize = 16;

/// A document that is being read.
pub(crate) struct Loader<'f> {
    pub(crate) document: Document,
    files: &'f mut dyn Files,
    syntax: Syntax,
    depth: usize,
}

/// An include: which files, and what is to be read in them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Include<'p> {
    pattern: &'p str,
    /// Where it stands.
    file: usize,
    offset: usize,
    /// The file that relative paths follow.
    beside: usize,
    block: usize,
    is_optional: bool,
}

impl<'p> Include<'p> {
    /// One that stands at this place: relative paths follow its file, and what is not there is
    /// missed.
    pub(crate) fn at(file: usize, offset: usize, pattern: &'p str) -> Self {
        Self {
            pattern,
            file,
            offset,
            beside: file,
            block: Document::ROOT,
            is_optional: false,
        }
    }

    /// Relative paths follow the first file, whichever it stands in.
    pub(crate) fn beside_the_first(self) -> Self {
        Self { beside: 0, ..self }
    }

    /// What is in the files belongs to this block.
    pub(crate) fn into_block(self, block: usize) -> Self {
        Self { block, ..self }
    }

    /// Whether it is no mistake that there is none.
    pub(crate) fn optional(self, is_optional: bool) -> Self {
        Self {
            is_optional,
            ..self
        }
    }
}

impl<'f> Loader<'f> {
    pub(crate) fn new(files: &'f mut dyn Files, syntax: Syntax) -> Self {
        Self {
            document: Document::new(),
            files,
            syntax,
            depth: 0,
        }
    }

    /// Reads a file into a block.
    pub(crate) fn read(
        &mut self,
        path: String,
        text: String,
        block: usize,
    ) -> Result<(), SyntaxError> {
        self.document.files.push(SourceFile::new(path, text));
        syntax::parse(self.syntax, self, block)
    }

    /// Reads what an include names. What can't be read is remarked, and not what is in it.
    pub(crate) fn include(&mut self, include: Include<'_>) -> Result<(), SyntaxError> {
        let Include { file, offset, .. } = include;
        if self.depth >= DEEPEST || self.document.files.len() >= MOST_FILES {
            let what = "too many files are included, perhaps by each other";
            return Err(self.document.error(file, offset, what));
        }
        let beside = &self.document.files[include.beside].path;
        let found = self.files.find(include.pattern, beside);
        let pattern = include.pattern.contains(['*', '?', '[']);
        if found.is_empty() && !pattern && !include.is_optional {
            let what = format!("{} is not there", include.pattern);
            self.document.remark(file, offset, what);
        }
        for (path, text) in found {
            match text {
                Ok(text) => {
                    self.depth += 1;
                    self.read(path, text, include.block)?;
                    self.depth -= 1;
                }
                Err(why) => {
                    let what = format!("{path} can't be read: {why}");
                    self.document.remark(file, offset, what);
                }
            }
        }
        Ok(())
    }
}
