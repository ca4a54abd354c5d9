//! HAProxy: a line that begins with the name of a section opens it; what a `defaults` says holds
//! for the sections below it (haproxy doc/configuration.txt, 2 and 4).

use super::words::split;
use crate::read::document::{Block, Document, SyntaxError, Word, lines};
use crate::read::files::Loader;

/// The names of sections (haproxy src/cfgparse.c).
const SECTIONS: [&str; 17] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "peers",
    "mailers",
    "resolvers",
    "cache",
    "program",
    "ring",
    "log-forward",
    "http-errors",
    "fcgi-app",
    "crt-store",
    "traces",
];

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let document = &mut loader.document;
    let text = document.text(file).to_owned();
    let mut block = Document::ROOT;
    let mut defaults: Vec<usize> = Vec::new();
    for (begin, line) in lines(&text) {
        let words = split(line, begin).map_err(|(at, what)| document.error(file, at, what))?;
        let mut words = words.into_iter();
        let Some(key) = words.next() else { continue };
        let words: Vec<Word> = words.collect();
        if SECTIONS.contains(&key.text.as_str()) {
            let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
            let opened = document.open(Block {
                parent: Some(below(document, &key.text, &words, &defaults)),
                name: key.text.clone(),
                words,
                file,
                opens: begin + line.len(),
            });
            if key.text == "defaults" {
                defaults.push(opened);
            }
            block = opened;
            continue;
        }
        if block == Document::ROOT && !key.text.starts_with('.') {
            let what = "a keyword comes before the first section";
            return Err(document.error(file, key.at.start, what));
        }
        document.add(file, block, key, words);
    }
    Ok(())
}

/// The `defaults` that a section follows: the one it names behind `from`, or the last.
fn below(document: &Document, name: &str, words: &[String], defaults: &[usize]) -> usize {
    if !["frontend", "backend", "listen", "defaults"].contains(&name) {
        return Document::ROOT;
    }
    let named = words.iter().position(|word| word == "from");
    let named = named.and_then(|place| words.get(place + 1));
    let found = match named {
        Some(named) => {
            let is = |block: &&usize| document.blocks[**block].words.first() == Some(named);
            defaults.iter().rfind(is)
        }
        None if name == "defaults" => None,
        None => defaults.last(),
    };
    found.copied().unwrap_or(Document::ROOT)
}

#[cfg(test)]
mod tests {
    use crate::read::testing::document;
    use crate::recipe::Syntax;

    #[test]
    fn a_section_follows_its_defaults() {
        let text = "defaults a\n timeout client 1s\ndefaults b\nfrontend x from a\n bind :80\n\
                    backend y\n server s 192.0.2.1:80\n";
        let read = document(Syntax::Sections, text).unwrap();
        let parent = |name: &str| {
            let block = read.blocks.iter().find(|block| block.name == name).unwrap();
            read.blocks[block.parent.unwrap()].words.join(" ")
        };
        assert_eq!(parent("frontend"), "a");
        assert_eq!(parent("backend"), "b");
    }

    #[test]
    fn a_keyword_without_a_section_is_wrong() {
        let error = document(Syntax::Sections, "\n  bind :80\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 3));
    }
}
