//! rsyslog: `module(load="imtcp" keepAlive="on")`, among lines of the old form, which are passed
//! over (rsyslog.com/doc, RainerScript).

use crate::read::document::{Document, Entry, SyntaxError, Word};
use crate::read::files::{Include, Loader};

/// What sets something, and is read; parentheses elsewhere are expressions.
const CALLS: [&str; 5] = ["module", "input", "action", "include", "global"];

/// Reads the last file. A call is an entry: its words are `name="value"`, the first is the one that
/// says what is meant (`load`, `type` or `file`).
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    let mut at = 0;
    while let Some((key, inside)) = call(&text, at) {
        let (parameters, end) = parameters(&text, inside)
            .map_err(|(at, what)| loader.document.error(file, at, what))?;
        at = end;
        if key.text == "include" {
            let path = parameters
                .iter()
                .find_map(|word| word.text.strip_prefix("file="));
            if let Some(path) = path.map(str::to_owned) {
                loader.include(Include::at(file, key.at.start, &path).optional(true))?;
            }
            continue;
        }
        // The last word stands before the parenthesis: what is added goes there.
        let end = parameters.last().map_or(inside, |word| word.at.end);
        loader.document.entries.push(Entry {
            file,
            block: Document::ROOT,
            key,
            words: parameters,
            end,
        });
    }
    for (begin, line) in crate::read::document::lines(&text) {
        if let Some(pattern) = line.trim().strip_prefix("$IncludeConfig") {
            loader.include(Include::at(file, begin, pattern.trim()).optional(true))?;
        }
    }
    Ok(())
}

/// The next call from here on, and where its parameters begin.
fn call(text: &str, from: usize) -> Option<(Word, usize)> {
    let mut at = from;
    while let Some(first) = text[at..].chars().next() {
        if first == '#' {
            at += text[at..].find('\n').unwrap_or(text.len() - at);
            continue;
        }
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = text[at..].find(|c| !name(c)).unwrap_or(text.len() - at);
        if length == 0 {
            at += first.len_utf8();
            continue;
        }
        let word = &text[at..at + length];
        let behind = &text[at + length..];
        let blank = behind.len() - behind.trim_start().len();
        let known = CALLS.iter().any(|call| word.eq_ignore_ascii_case(call));
        if known && behind[blank..].starts_with('(') {
            let key = Word {
                text: word.to_ascii_lowercase(),
                at: at..at + length,
            };
            return Some((key, at + length + blank + 1));
        }
        at += length;
    }
    None
}

type Wrong = (usize, &'static str);

/// `name="value"` up to the closing parenthesis, and where that is.
fn parameters(text: &str, from: usize) -> Result<(Vec<Word>, usize), Wrong> {
    let mut words = Vec::new();
    let mut at = from;
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &text[at..];
        if rest.is_empty() {
            return Err((from - 1, "this parenthesis is never closed"));
        }
        if rest.starts_with(')') {
            return Ok((words, at + 1));
        }
        if rest.starts_with('#') {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let Some((name, value)) = rest.split_once('=') else {
            return Err((at, "name=\"value\" was expected"));
        };
        let begin = at + name.len() + 1 + (value.len() - value.trim_start().len());
        let end = value_end(text, begin)?;
        let name = name.trim();
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_alphanumeric() || "._-".contains(c))
        {
            return Err((at, "name=\"value\" was expected"));
        }
        let value = text[begin..end].trim_matches('"');
        let word = Word {
            text: format!("{}={value}", name.to_ascii_lowercase()),
            at: at..end,
        };
        words.push(word);
        at = end;
    }
}

fn value_end(text: &str, begin: usize) -> Result<usize, Wrong> {
    let rest = &text[begin..];
    let (open, close) = match rest.chars().next() {
        Some('"') => ('"', '"'),
        Some('[') => ('[', ']'),
        Some(_) | None => {
            let ends = |c: char| c.is_whitespace() || c == ')';
            return Ok(begin + rest.find(ends).unwrap_or(rest.len()));
        }
    };
    let mut before = open;
    for (place, c) in rest.char_indices().skip(1) {
        if c == close && before != '\\' {
            return Ok(begin + place + 1);
        }
        before = c;
    }
    Err((begin, "this value is never closed"))
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn calls_are_read_and_old_lines_passed_over() {
        let text = "$ModLoad imuxsock\n# module(load=\"no\")\nmodule(load=\"imtcp\"\n  KeepAlive=\"on\")\n\
                    *.* /var/log/all\nif (x) then action(type=\"omfwd\" target=\"a\")\n";
        let read = document(Syntax::Calls, text).unwrap();
        assert_eq!(
            told(&read),
            [
                "/module=load=imtcp,keepalive=on",
                "/action=type=omfwd,target=a"
            ]
        );
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        for (text, place) in [
            ("module(load=\"imtcp\"\n", (1, 7)),
            ("\nmodule(load=\"imtcp)\n", (2, 13)),
            ("module(imtcp)\n", (1, 8)),
        ] {
            let error = document(Syntax::Calls, text).unwrap_err();
            assert_eq!((error.line, error.column), place, "{text:?}: {error}");
        }
    }
}
