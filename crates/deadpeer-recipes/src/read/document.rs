//! A configuration as it is written: lines with keys and words, in blocks, each with its place.

use std::ops::Range;

/// The files of a configuration, and what stands in them, in the order in which the program reads.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) files: Vec<SourceFile>,
    /// The first is the top level.
    pub(crate) blocks: Vec<Block>,
    pub(crate) entries: Vec<Entry>,
    /// What was not read, and why.
    pub(crate) remarks: Vec<Remark>,
}

/// A file, or what is as good as one.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
    /// A command line: nothing of it can be changed by a patch.
    pub(crate) fixed: bool,
    /// Where its lines begin.
    lines: Vec<usize>,
}

impl SourceFile {
    pub(crate) fn new(path: String, text: String) -> Self {
        Self {
            path,
            fixed: false,
            lines: lines(&text).map(|(begin, _)| begin).collect(),
            text,
        }
    }

    /// The line of an offset, counted from 1.
    fn line_of(&self, offset: usize) -> usize {
        let begun = self.lines.partition_point(|begin| *begin <= offset);
        let behind_the_last = offset >= self.text.len() && self.text.ends_with('\n');
        (begun + usize::from(behind_the_last)).max(1)
    }
}

/// A block or section.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) words: Vec<String>,
    pub(crate) parent: Option<usize>,
    pub(crate) file: usize,
    /// Where what opens it ends.
    pub(crate) opens: usize,
}

/// A key with its words.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) file: usize,
    pub(crate) block: usize,
    pub(crate) key: Word,
    pub(crate) words: Vec<Word>,
    /// Where it ends: behind its last word, or the semicolon.
    pub(crate) end: usize,
}

/// A word without its quotes, and where it stands with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Range<usize>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What was not understood, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// Where.
    pub place: Place,
    /// What, as a sentence without a full stop.
    pub what: String,
}

/// A file that is not written as the program wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

impl Document {
    pub(crate) const ROOT: usize = 0;

    pub(crate) fn new() -> Self {
        Self {
            blocks: vec![Block {
                name: String::new(),
                words: Vec::new(),
                parent: None,
                file: 0,
                opens: 0,
            }],
            ..Self::default()
        }
    }

    pub(crate) fn text(&self, file: usize) -> &str {
        &self.files[file].text
    }

    pub(crate) fn place(&self, file: usize, offset: usize) -> Place {
        let source = &self.files[file];
        Place {
            file: source.path.clone(),
            line: source.line_of(offset),
        }
    }

    pub(crate) fn error(&self, file: usize, offset: usize, what: &str) -> SyntaxError {
        let source = &self.files[file];
        let before = source.text.get(..offset).unwrap_or(&source.text);
        let column = before.rsplit('\n').next().unwrap_or_default();
        SyntaxError {
            file: source.path.clone(),
            line: source.line_of(offset),
            column: column.chars().count() + 1,
            what: what.into(),
        }
    }

    pub(crate) fn remark(&mut self, file: usize, offset: usize, what: String) {
        let place = self.place(file, offset);
        self.remarks.push(Remark { place, what });
    }

    /// Adds an entry that ends with its last word.
    pub(crate) fn add(&mut self, file: usize, block: usize, key: Word, words: Vec<Word>) {
        self.entries.push(Entry {
            file,
            block,
            end: words.last().unwrap_or(&key).at.end,
            key,
            words,
        });
    }

    /// Opens a block and says which it is.
    pub(crate) fn open(&mut self, block: Block) -> usize {
        self.blocks.push(block);
        self.blocks.len() - 1
    }

    /// A block and those around it, inside out.
    pub(crate) fn around(&self, block: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(block), |block| self.blocks[*block].parent)
    }
}

/// The lines of a text, each with where it begins, without the ends of lines.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let begin = *at;
        *at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some((begin, line.strip_suffix('\r').unwrap_or(line)))
    })
}
