//! YAML: each scalar is an entry whose key is its path, `a.b[].c`. Mappings and lists are entries
//! without words. Each item of a list that is a mapping is a block, named by the list's path.
//!
//! Items that are a name and a value (`- {name: net.ipv4.tcp_keepalive_time, value: "60"}`) are
//! entries of the block around them as well, with the name as the end of their path. Envoy's name
//! of a socket option is its level and number: `socket_options[].6.18`.

use saphyr_parser::{Event, Parser, Span};

use crate::read::document::{Block, Document, Entry, SyntaxError, Word};
use crate::read::files::Loader;

/// What is open around a node.
enum Around {
    Mapping(Mapping),
    Sequence,
}

#[derive(Default)]
struct Mapping {
    /// The key whose value is awaited, and where it stands.
    key: Option<Word>,
    /// It is an item of a list: the block around it.
    outer: Option<usize>,
    level: Option<String>,
    name: Option<String>,
    value: Option<Word>,
}

/// Reads the last file.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let document = &mut loader.document;
    let file = document.files.len() - 1;
    let text = document.text(file).to_owned();
    let offsets = text.char_indices().map(|(offset, _)| offset);
    let mut reader = Reader {
        document,
        file,
        offsets: offsets.chain([text.len()]).collect(),
        around: Vec::new(),
        block: Document::ROOT,
        documents: 0,
    };
    for event in Parser::new_from_str(&text) {
        match event {
            Ok((event, span)) => reader.take(event, &span),
            Err(error) => {
                let at = reader.offset(error.marker().index());
                return Err(reader.document.error(file, at, error.info()));
            }
        }
    }
    Ok(())
}

struct Reader<'d> {
    document: &'d mut Document,
    file: usize,
    /// Where each character is.
    offsets: Vec<usize>,
    around: Vec<Around>,
    block: usize,
    documents: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) {
        let at = self.offset(span.start.index())..self.offset(span.end.index());
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                // What the first says does not hold for the others.
                if self.documents > 1 {
                    self.block = self.open("document", at.start, None);
                }
            }
            Event::MappingStart(..) => {
                let mut mapping = Mapping::default();
                if let Some(Around::Sequence) = self.around.last() {
                    mapping.outer = Some(self.block);
                    let path = self.path();
                    self.block = self.open(&path, at.start, Some(self.block));
                } else {
                    self.add(None);
                }
                self.around.push(Around::Mapping(mapping));
            }
            Event::SequenceStart(..) => {
                self.add(None);
                self.around.push(Around::Sequence);
            }
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(Around::Mapping(ended)) = self.around.pop() {
                    self.end(ended);
                }
                self.valued(None);
            }
            Event::Scalar(text, ..) => {
                let word = Word {
                    text: text.into_owned(),
                    at,
                };
                if let Some(Around::Mapping(Mapping {
                    key: key @ None, ..
                })) = self.around.last_mut()
                {
                    *key = Some(word);
                    return;
                }
                self.add(Some(word.clone()));
                self.valued(Some(word));
            }
            Event::Alias(_) => {
                let text = "*".to_owned();
                if let Some(Around::Mapping(Mapping {
                    key: key @ None, ..
                })) = self.around.last_mut()
                {
                    *key = Some(Word { text, at });
                } else {
                    let what = "an alias is not followed".to_owned();
                    self.document.remark(self.file, at.start, what);
                    self.valued(None);
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn offset(&self, index: usize) -> usize {
        let last = self.offsets.last().copied().unwrap_or(0);
        self.offsets.get(index).copied().unwrap_or(last)
    }

    fn open(&mut self, name: &str, opens: usize, parent: Option<usize>) -> usize {
        self.document.open(Block {
            name: name.to_owned(),
            words: Vec::new(),
            parent,
            file: self.file,
            opens,
        })
    }

    /// Adds what stands at the path that is open.
    fn add(&mut self, value: Option<Word>) {
        let mut mappings = self.around.iter().rev();
        let key = mappings.find_map(|one| match one {
            Around::Mapping(mapping) => mapping.key.as_ref(),
            Around::Sequence => None,
        });
        let Some(at) = key.or(value.as_ref()).map(|word| word.at.clone()) else {
            return;
        };
        let text = self.path();
        let key = Word { text, at };
        let words = Vec::from_iter(value);
        self.document.add(self.file, self.block, key, words);
    }

    /// The key that was open has its value.
    fn valued(&mut self, value: Option<Word>) {
        let Some(Around::Mapping(mapping)) = self.around.last_mut() else {
            return;
        };
        let Some(key) = mapping.key.take() else {
            return;
        };
        match (key.text.as_str(), value) {
            ("level", Some(level)) => mapping.level = Some(level.text),
            ("name", Some(name)) => mapping.name = Some(name.text),
            ("value" | "int_value", value) => mapping.value = value,
            _ => {}
        }
    }

    /// An item of a list has ended.
    fn end(&mut self, mapping: Mapping) {
        let Some(outer) = mapping.outer else { return };
        self.block = outer;
        let (Some(name), Some(value)) = (mapping.name, mapping.value) else {
            return;
        };
        let level = mapping.level.map(|level| level + ".").unwrap_or_default();
        self.document.entries.push(Entry {
            file: self.file,
            block: outer,
            end: value.at.end,
            key: Word {
                text: format!("{}.{level}{name}", self.path()),
                at: value.at.clone(),
            },
            words: vec![value],
        });
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for one in &self.around {
            match one {
                Around::Mapping(Mapping { key: Some(key), .. }) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&key.text);
                }
                Around::Sequence => path.push_str("[]"),
                Around::Mapping(Mapping { key: None, .. }) => {}
            }
        }
        path
    }
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
            [
                "/network.tcp.keep_idle=10",
                "/a=",
                "/a.b=",
                "/a.b[]=1",
                "a.b[]/a.b[].c=x y"
            ]
        );
        assert_eq!(&text[read.entries[0].words[0].at.clone()], "10");
        assert_eq!(&text[read.entries[4].words[0].at.clone()], "'x y'");
    }

    #[test]
    fn an_item_with_a_name_is_an_entry_around_it_and_each_document_stands_for_itself() {
        let text = "a:\n- {name: x.y, value: \"5\"}\n---\nb: 1\no:\n- level: 6\n  name: 18\n  int_value: 9\n";
        let read = document(Syntax::Yaml, text).unwrap();
        let told = told(&read);
        for one in ["/a[].x.y=5", "document/b=1", "document/o[].6.18=9"] {
            assert!(told.contains(&one.to_owned()), "{one}: {told:?}");
        }
        assert!(read.blocks[2].parent.is_none(), "{:?}", read.blocks);
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let error = document(Syntax::Yaml, "a: 1\nb: [1, 2\n").unwrap_err();
        assert!(error.line >= 2, "{error}");
    }
}
