//! URIs with a query, and libpq's connection strings, as keys with values
//! (postgresql.org/docs, libpq-connstring).

use crate::read::document::Word;

/// What a connection is told by its address.
pub(super) struct Uri {
    /// `postgresql`, or `conninfo` for a connection string.
    pub(super) scheme: String,
    pub(super) keys: Vec<(Word, Word)>,
}

/// The keys of a text that stands at `at`; `None`: it is neither.
pub(super) fn keys(text: &str, at: usize) -> Option<Uri> {
    uri(text, at).or_else(|| conninfo(text, at))
}

fn uri(text: &str, at: usize) -> Option<Uri> {
    let (scheme, _) = text.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return None;
    }
    let mut keys = Vec::new();
    let query = text.find('?').map_or(text.len(), |place| place + 1);
    let end = text[query..]
        .find('#')
        .map_or(text.len(), |fragment| query + fragment);
    let mut begin = query;
    for pair in text[query..end].split('&') {
        if let Some((key, value)) = pair.split_once('=') {
            let value_at = at + begin + key.len() + 1;
            keys.push((word(key, at + begin), word(value, value_at)));
        }
        begin += pair.len() + 1;
    }
    Some(Uri {
        scheme: scheme.to_ascii_lowercase(),
        keys,
    })
}

/// Keys that only a connection string of libpq has.
const CONNINFO: [&str; 6] = ["host", "hostaddr", "port", "dbname", "user", "service"];

fn conninfo(text: &str, at: usize) -> Option<Uri> {
    let mut keys = Vec::new();
    let mut begin = 0;
    for pair in text.split(' ') {
        if !pair.is_empty() {
            let (key, value) = pair.split_once('=')?;
            if !key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                return None;
            }
            keys.push((
                word(key, at + begin),
                word(value, at + begin + key.len() + 1),
            ));
        }
        begin += pair.len() + 1;
    }
    let known = keys
        .iter()
        .any(|(key, _)| CONNINFO.contains(&key.text.as_str()));
    known.then(|| Uri {
        scheme: "conninfo".into(),
        keys,
    })
}

fn word(text: &str, at: usize) -> Word {
    Word {
        text: text.to_owned(),
        at: at..at + text.len(),
    }
}
