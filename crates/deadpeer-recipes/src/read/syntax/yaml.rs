//! YAML: each scalar is an entry whose key is its path, `a.b[].c`.

use saphyr_parser::{Event, Parser};

use crate::read::document::{Document, SyntaxError, Word};
use crate::read::files::Loader;

/// What is open around a node.
enum Around {
    /// A mapping, and the key whose value is awaited.
    Mapping(Option<(String, usize)>),
    Sequence,
}

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    let offsets: Vec<usize> = text
        .char_indices()
        .map(|(offset, _)| offset)
        .chain([text.len()])
        .collect();
    let offset = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
    let mut around: Vec<Around> = Vec::new();
    for event in Parser::new_from_str(&text) {
        let (event, span) = event.map_err(|error| {
            let at = offset(error.marker().index());
            loader.document.error(file, at, error.info())
        })?;
        match event {
            Event::MappingStart(..) => around.push(Around::Mapping(None)),
            Event::SequenceStart(..) => around.push(Around::Sequence),
            Event::MappingEnd | Event::SequenceEnd => {
                around.pop();
                valued(&mut around);
            }
            Event::Scalar(value, ..) => {
                let (begin, end) = (offset(span.start.index()), offset(span.end.index()));
                if let Some(Around::Mapping(key @ None)) = around.last_mut() {
                    *key = Some((value.into_owned(), begin));
                    continue;
                }
                let (path, at) = path(&around);
                let key = Word {
                    at: at.unwrap_or(begin)..begin,
                    text: path,
                };
                let value = Word {
                    text: value.into_owned(),
                    at: begin..end,
                };
                loader.document.add(file, Document::ROOT, key, vec![value]);
                valued(&mut around);
            }
            Event::Alias(_) => {
                if let Some(Around::Mapping(key @ None)) = around.last_mut() {
                    *key = Some(("*".to_owned(), offset(span.start.index())));
                } else {
                    let at = offset(span.start.index());
                    let what = "an alias is not followed".to_owned();
                    loader.document.remark(file, at, what);
                    valued(&mut around);
                }
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }
    Ok(())
}

/// The key that was open has its value.
fn valued(around: &mut [Around]) {
    if let Some(Around::Mapping(key)) = around.last_mut() {
        *key = None;
    }
}

fn path(around: &[Around]) -> (String, Option<usize>) {
    let mut path = String::new();
    let mut at = None;
    for one in around {
        match one {
            Around::Mapping(Some((key, begin))) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                at = Some(*begin);
            }
            Around::Sequence => path.push_str("[]"),
            Around::Mapping(None) => {}
        }
    }
    (path, at)
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn keys_are_paths() {
        let text = "# ä comment\nnetwork.tcp.keep_idle: 10\na:\n  b: [1, {c: 'x y'}]\n";
        let read = document(Syntax::Yaml, text).unwrap();
        assert_eq!(
            told(&read),
            ["/network.tcp.keep_idle=10", "/a.b[]=1", "/a.b[].c=x y"]
        );
        assert_eq!(&text[read.entries[0].words[0].at.clone()], "10");
        assert_eq!(&text[read.entries[2].words[0].at.clone()], "'x y'");
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let error = document(Syntax::Yaml, "a: 1\nb: [1, 2\n").unwrap_err();
        assert!(error.line >= 2, "{error}");
    }
}
