//! NATS: `key: value`, `key = value` or `key value`, blocks in braces, lists in brackets
//! (nats-server conf/lex.go). Each value is an entry whose key is its path; a block is one without
//! words.

use crate::read::document::{Document, SyntaxError, Word};
use crate::read::files::{Include, Loader};

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    let wrong = |loader: &Loader<'_>, (at, what): Wrong| loader.document.error(file, at, what);
    let mut open: Vec<Outer> = Vec::new();
    let mut at = 0;
    loop {
        at = skip(&text, at);
        let Some(first) = text[at..].chars().next() else {
            return match open.last() {
                Some(outer) => Err(wrong(loader, (outer.at, "this is never closed"))),
                None => Ok(()),
            };
        };
        let closes = open.last().map(|outer| outer.closes);
        if matches!(first, '}' | ']') {
            if closes != Some(first) {
                return Err(wrong(loader, (at, "this closes nothing that is open")));
            }
            open.pop();
            at += 1;
            continue;
        }
        // What stands in a list has no keys of its own.
        let mut key = None;
        if closes != Some(']') {
            let word = word(&text, at).map_err(|why| wrong(loader, why))?;
            at = skip_blanks(&text, word.at.end);
            at = match text[at..].starts_with([':', '=']) {
                true => skip(&text, at + 1),
                false => at,
            };
            key = Some(word);
        }
        let path = path(&open, key.as_ref());
        let key_at = key.as_ref().map_or(at..at, |key| key.at.clone());
        let key_word = Word {
            text: path.clone(),
            at: key_at,
        };
        if let Some(closes) = closing(&text[at..]) {
            let value = Vec::new();
            loader.document.add(file, Document::ROOT, key_word, value);
            open.push(Outer { path, closes, at });
            at += 1;
            continue;
        }
        let value = word(&text, at).map_err(|why| wrong(loader, why))?;
        at = value.at.end;
        match key {
            Some(key) if key.text == "include" => {
                loader.include(Include::at(file, key.at.start, &value.text))?;
            }
            _ => loader
                .document
                .add(file, Document::ROOT, key_word, vec![value]),
        }
    }
}

/// A block or list that is open.
struct Outer {
    path: String,
    closes: char,
    at: usize,
}

fn closing(text: &str) -> Option<char> {
    match text.chars().next()? {
        '{' => Some('}'),
        '[' => Some(']'),
        _ => None,
    }
}

fn path(open: &[Outer], key: Option<&Word>) -> String {
    let outer = open.last().map_or("", |outer| &outer.path);
    match key {
        None => format!("{outer}[]"),
        Some(key) if outer.is_empty() => key.text.clone(),
        Some(key) => format!("{outer}.{}", key.text),
    }
}

/// Where the next word or brace begins: behind blanks, commas and comments.
fn skip(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let parted = |c: char| c.is_whitespace() || ",;".contains(c);
        at += rest.len() - rest.trim_start_matches(parted).len();
        let rest = &text[at..];
        if !rest.starts_with('#') && !rest.starts_with("//") {
            return at;
        }
        at += rest.find('\n').unwrap_or(rest.len());
    }
}

fn skip_blanks(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest.len() - rest.trim_start_matches([' ', '\t']).len()
}

type Wrong = (usize, &'static str);

fn word(text: &str, at: usize) -> Result<Word, Wrong> {
    let rest = &text[at..];
    let quote = rest.chars().next().filter(|first| "\"'".contains(*first));
    let (inner, length) = match quote {
        Some(quote) => {
            let end = rest[1..].find(quote);
            let end = end.ok_or((at, "this quote is never closed"))?;
            (&rest[1..=end], end + 2)
        }
        None => {
            let ends = |c: char| c.is_whitespace() || ",;{}[]".contains(c);
            // Colons are parts of values, such as URLs.
            let end = rest.find(ends).unwrap_or(rest.len());
            let end = match rest[..end].find([':', '=']) {
                Some(colon) if is_key(text, at) => colon,
                Some(_) | None => end,
            };
            (&rest[..end], end)
        }
    };
    if length == 0 {
        return Err((at, "a key or a value was expected"));
    }
    Ok(Word {
        text: inner.to_owned(),
        at: at..at + length,
    })
}

/// Whether a word is the first of its statement.
fn is_key(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\n', '{', ',', ';', '}'])
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn a_value_may_follow_a_colon_an_equals_sign_or_nothing() {
        let text = "# a\nport: 4222 // b\nping_interval = \"2m\"\njetstream {\n  store_dir /a:b\n  max: 1, c=2\n}\n\
                    cluster: { routes: [nats://a:1, 'nats://b:2'], name: x }\n";
        let read = document(Syntax::Nats, text).unwrap();
        assert_eq!(
            told(&read),
            [
                "/port=4222",
                "/ping_interval=2m",
                "/jetstream=",
                "/jetstream.store_dir=/a:b",
                "/jetstream.max=1",
                "/jetstream.c=2",
                "/cluster=",
                "/cluster.routes=",
                "/cluster.routes[]=nats://a:1",
                "/cluster.routes[]=nats://b:2",
                "/cluster.name=x"
            ]
        );
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        for (text, place) in [
            ("a {\n b: 1\n", (1, 3)),
            ("a: 1\n}\n", (2, 1)),
            ("a: \"b\n", (1, 4)),
            ("a:\n", (2, 1)),
        ] {
            let error = document(Syntax::Nats, text).unwrap_err();
            assert_eq!((error.line, error.column), place, "{text:?}: {error}");
        }
    }
}
