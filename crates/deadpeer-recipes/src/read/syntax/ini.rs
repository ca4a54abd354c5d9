//! `[section]` and `key = value`: PgBouncer, MariaDB, stunnel, systemd, libpq's service file.

use crate::read::document::{Block, Document, Entry, SyntaxError, Word, lines};
use crate::read::files::{Include, Loader};

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    let mut block = Document::ROOT;
    for (begin, line) in lines(&text) {
        let trimmed = line.trim();
        let at = begin + (line.len() - line.trim_start().len());
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let Some((name, _)) = rest.split_once(']') else {
                let what = "this section's name is never closed: \"]\" is missing";
                return Err(loader.document.error(file, at, what));
            };
            block = loader.document.open(Block {
                name: name.trim().to_owned(),
                words: Vec::new(),
                parent: Some(Document::ROOT),
                file,
                opens: begin + line.len(),
            });
            continue;
        }
        if let Some((pattern, optional)) = include(trimmed) {
            let include = Include::at(file, at, &pattern).optional(optional);
            loader.include(include.into_block(block))?;
            continue;
        }
        let (key, value) = key_and_value(trimmed, at, '=');
        if key.text.is_empty() {
            return Err(loader
                .document
                .error(file, at, "a key is missing before \"=\""));
        }
        loader.document.entries.push(Entry {
            file,
            block,
            end: at + trimmed.len(),
            words: value.into_iter().collect(),
            key,
        });
    }
    Ok(())
}

/// MariaDB's `!include` and `!includedir`, PgBouncer's `%include`.
fn include(line: &str) -> Option<(String, bool)> {
    if let Some(folder) = line.strip_prefix("!includedir") {
        return Some((format!("{}/*.cnf", folder.trim()), true));
    }
    let path = line
        .strip_prefix("!include")
        .or_else(|| line.strip_prefix("%include"))?;
    Some((path.trim().to_owned(), false))
}

/// Key and value on the sides of a sign; a value in quotes loses them, what stands behind ` #` is a
/// comment.
pub(super) fn key_and_value(line: &str, at: usize, sign: char) -> (Word, Option<Word>) {
    let (key, value) = match line.split_once(sign) {
        Some((key, value)) => (key, Some(value)),
        None => (line, None),
    };
    let value = value.map(|value| {
        let begin = at + key.len() + 1 + (value.len() - value.trim_start().len());
        let value = value.trim();
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
        let closed = quote.and_then(|quote| value[1..].find(quote));
        match closed {
            Some(length) => Word {
                text: value[1..=length].to_owned(),
                at: begin..begin + length + 2,
            },
            None => {
                let end = value.find(" #").or_else(|| value.find("\t#"));
                let text = value[..end.unwrap_or(value.len())].trim_end();
                Word {
                    text: text.to_owned(),
                    at: begin..begin + text.len(),
                }
            }
        }
    });
    let key = key.trim_end();
    let word = Word {
        text: key.to_owned(),
        at: at..at + key.len(),
    };
    (word, value)
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn keys_stand_in_their_sections() {
        let text = "; a comment\n[pgbouncer]\n tcp_keepidle = 10 # why\nquoted = \"a # b\"\nbare\n\
                    [databases]\napp=host=db port=5432\n";
        assert_eq!(
            told(&document(Syntax::Ini, text).unwrap()),
            [
                "pgbouncer/tcp_keepidle=10",
                "pgbouncer/quoted=a # b",
                "pgbouncer/bare=",
                "databases/app=host=db port=5432"
            ]
        );
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        let error = document(Syntax::Ini, "a=1\n  [open\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 3));
        let error = document(Syntax::Ini, "=1\n").unwrap_err();
        assert_eq!((error.line, error.column), (1, 1));
    }
}
