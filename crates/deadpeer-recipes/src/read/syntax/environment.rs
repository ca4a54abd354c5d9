//! Environment files: `NAME=value` on a line, as systemd, Docker and shells read them. A value that
//! is a URI or a connection string has keys of its own.

use super::ini::key_and_value;
use super::uri;
use crate::read::document::{Block, Document, SyntaxError, lines};
use crate::read::files::Loader;

/// Reads the last file. A URI is a block with the name of its scheme.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let document = &mut loader.document;
    let text = document.text(file).to_owned();
    for (begin, line) in lines(&text) {
        let unexported = line.trim().strip_prefix("export ");
        let trimmed = unexported.unwrap_or(line.trim()).trim();
        let at = begin + line.find(trimmed).unwrap_or(0);
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        // A file may be nothing but a URI.
        if let Some(found) = uri::keys(trimmed, at) {
            add(document, file, at + trimmed.len(), found);
            continue;
        }
        let (key, value) = key_and_value(trimmed, at, '=');
        let Some(value) = value else {
            let what = "NAME=value was expected";
            return Err(document.error(file, at, what));
        };
        let quoted = text[value.at.start..].starts_with(['"', '\'']);
        let begins = value.at.start + usize::from(quoted);
        match uri::keys(&value.text, begins) {
            Some(found) => add(document, file, begins + value.text.len(), found),
            None => document.add(file, Document::ROOT, key, vec![value]),
        }
    }
    Ok(())
}

fn add(document: &mut Document, file: usize, end: usize, found: uri::Uri) {
    let block = document.open(Block {
        name: found.scheme,
        words: Vec::new(),
        parent: Some(Document::ROOT),
        file,
        opens: end,
    });
    for (key, value) in found.keys {
        document.add(file, block, key, vec![value]);
    }
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn uris_have_keys_of_their_own() {
        let text = "export DATABASE_URL=\"postgresql://u:p@db/app?keepalives_idle=10&x=y\"\nA=1\n\
                    DSN='host=db keepalives_idle=20'\n";
        assert_eq!(
            told(&document(Syntax::Environment, text).unwrap()),
            [
                "postgresql/keepalives_idle=10",
                "postgresql/x=y",
                "/A=1",
                "conninfo/host=db",
                "conninfo/keepalives_idle=20"
            ]
        );
    }
}
