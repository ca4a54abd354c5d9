//! `key = value`: postgresql.conf, where the sign may be missing and quotes are doubled
//! (postgresql.org/docs, config-setting), and what has no sections, such as rabbitmq.conf and
//! sysctl.conf.

use super::ini::key_and_value;
use crate::read::document::{Document, SyntaxError, Word, lines};
use crate::read::files::{Include, Loader};

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>, postgresql: bool) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    for (begin, line) in lines(&text) {
        let trimmed = line.trim();
        let at = begin + (line.len() - line.trim_start().len());
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (key, value) = match postgresql {
            true => postgres(trimmed, at),
            false => {
                let (key, value) = key_and_value(trimmed, at, '=');
                value
                    .map(|value| (key, value))
                    .ok_or((at, "\"=\" is missing"))
            }
        }
        .map_err(|(at, what)| loader.document.error(file, at, what))?;
        let include = match (postgresql, key.text.to_ascii_lowercase().as_str()) {
            (true, "include") => Some((value.text.clone(), false)),
            (true, "include_if_exists") => Some((value.text.clone(), true)),
            (true, "include_dir") => Some((format!("{}/*.conf", value.text), true)),
            _ => None,
        };
        match include {
            Some((pattern, optional)) => {
                loader.include(Include::at(file, at, &pattern).optional(optional))?;
            }
            None => loader.document.add(file, Document::ROOT, key, vec![value]),
        }
    }
    match postgresql && file == 0 {
        true => automatic(loader),
        false => Ok(()),
    }
}

/// What `ALTER SYSTEM` has written counts last, and is not for hands.
fn automatic(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let itself = &mut loader.document.files[0];
    if itself.path.ends_with("postgresql.auto.conf") {
        itself.fixed = true;
        return Ok(());
    }
    let entries = loader.document.entries.iter();
    let mut folders = entries.filter(|entry| entry.key.text.eq_ignore_ascii_case("data_directory"));
    let folder = folders.next_back().and_then(|entry| entry.words.first());
    let folder = folder.map(|word| format!("{}/", word.text));
    let before = loader.document.files.len();
    let written = format!("{}postgresql.auto.conf", folder.unwrap_or_default());
    loader.include(Include::at(0, 0, &written).optional(true))?;
    for file in &mut loader.document.files[before..] {
        file.fixed = true;
    }
    Ok(())
}

type Wrong = (usize, &'static str);

fn postgres(line: &str, at: usize) -> Result<(Word, Word), Wrong> {
    let name = |c: char| c.is_alphanumeric() || "_.$".contains(c);
    let length = line.find(|c| !name(c)).unwrap_or(line.len());
    if length == 0 {
        return Err((at, "a name of a setting was expected"));
    }
    let key = Word {
        text: line[..length].to_owned(),
        at: at..at + length,
    };
    let rest = line[length..].trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let begin = at + line.len() - rest.len();
    let (text, length) = match rest.strip_prefix('\'') {
        Some(quoted) => {
            let (text, length) =
                single_quoted(quoted).ok_or((begin, "this quote is never closed"))?;
            (text, length + 1)
        }
        None => {
            let length = rest
                .find(|c: char| c.is_whitespace() || c == '#')
                .unwrap_or(rest.len());
            (rest[..length].to_owned(), length)
        }
    };
    if length == 0 {
        return Err((begin, "a value is missing"));
    }
    let behind = rest[length..].trim_start();
    if !behind.is_empty() && !behind.starts_with('#') {
        let at = begin + rest.len() - behind.len();
        return Err((at, "one value was expected: several words need quotes"));
    }
    let at = begin..begin + length;
    Ok((key, Word { text, at }))
}

/// What stands before the closing quote, and the length with it. `''` and `\'` are quotes.
fn single_quoted(rest: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((place, c)) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?.1),
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
                text.push('\'');
            }
            '\'' => return Some((text, place + 1)),
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
    fn the_sign_may_be_missing_and_quotes_be_doubled() {
        let text = "a = 1 # why\nb 'it''s'\nc='10 s'\n#d = 4\n";
        let read = document(Syntax::Postgresql, text).unwrap();
        assert_eq!(told(&read), ["/a=1", "/b=it's", "/c=10 s"]);
        assert_eq!(&text[read.entries[2].words[0].at.clone()], "'10 s'");
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        for (text, place) in [
            ("a = 'b\n", (1, 5)),
            ("a = 1\n= 2\n", (2, 1)),
            ("a =\n", (1, 4)),
            ("a = 1 s\n", (1, 7)),
        ] {
            let error = document(Syntax::Postgresql, text).unwrap_err();
            assert_eq!((error.line, error.column), place, "{text:?}: {error}");
        }
        let error = document(Syntax::Assignments, "heartbeat 60\n").unwrap_err();
        assert!(error.to_string().contains("\"=\" is missing"), "{error}");
    }
}
