//! A key and its words on a line: Redis, Squid, Mosquitto.

use crate::read::document::{Document, SyntaxError, Word, lines};
use crate::read::files::{Include, Loader};

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    for (begin, line) in lines(&text) {
        let words =
            split(line, begin).map_err(|(at, what)| loader.document.error(file, at, what))?;
        let mut words = words.into_iter();
        let Some(key) = words.next() else { continue };
        let words: Vec<Word> = words.collect();
        let pattern = match (key.text.to_ascii_lowercase().as_str(), words.first()) {
            ("include", Some(path)) => Some(path.text.clone()),
            ("include_dir", Some(folder)) => Some(format!("{}/*.conf", folder.text)),
            _ => None,
        };
        match pattern {
            Some(pattern) => loader.include(Include::at(file, key.at.start, &pattern))?,
            None => loader.document.add(file, Document::ROOT, key, words),
        }
    }
    Ok(())
}

type Wrong = (usize, &'static str);

/// The words of a line that is not a comment; quotes of either kind hold blanks together. The
/// error is where a quote begins that never ends.
pub(super) fn split(line: &str, begin: usize) -> Result<Vec<Word>, Wrong> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = &line[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &line[at..];
        let Some(first) = rest.chars().next() else {
            return Ok(words);
        };
        if first == '#' {
            return Ok(words);
        }
        let (text, length) = match first {
            '"' | '\'' => quoted(rest, first).ok_or((begin + at, "this quote is never closed"))?,
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (rest[..end].to_owned(), end)
            }
        };
        words.push(Word {
            text,
            at: begin + at..begin + at + length,
        });
        at += length;
    }
}

fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((place, c)) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?.1),
            c if c == quote => return Some((text, place + 1)),
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn a_line_is_a_key_and_words() {
        let text =
            "# comment\ntcp-keepalive 300\nsave \"\" \nhttp_port 3128 tcpkeepalive=9,1,3 # so\n";
        let read = document(Syntax::Words, text).unwrap();
        assert_eq!(
            told(&read),
            [
                "/tcp-keepalive=300",
                "/save=",
                "/http_port=3128,tcpkeepalive=9,1,3"
            ]
        );
        assert_eq!(&text[read.entries[0].words[0].at.clone()], "300");
    }

    #[test]
    fn a_quote_that_never_ends_has_its_place() {
        let error = document(Syntax::Words, "a b\nc \"d\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 3));
    }
}
