//! OpenSSH: `key value` or `key=value`; `Match` and `Host` reach to the next of them
//! (sshd_config(5), ssh_config(5)).

use super::words::split;
use crate::read::document::{Block, Document, SyntaxError, Word, lines};
use crate::read::files::{Include, Loader};

/// Reads the last file into a block.
pub(super) fn parse(loader: &mut Loader<'_>, outer: usize) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    let mut block = outer;
    for (begin, line) in lines(&text) {
        let words =
            split(line, begin).map_err(|(at, what)| loader.document.error(file, at, what))?;
        let mut words = apart(words).into_iter();
        let Some(key) = words.next() else { continue };
        let words: Vec<Word> = words.collect();
        match key.text.to_ascii_lowercase().as_str() {
            "match" | "host" => {
                block = loader.document.open(Block {
                    name: key.text.clone(),
                    words: words.iter().map(|word| word.text.clone()).collect(),
                    parent: Some(Document::ROOT),
                    file,
                    opens: begin + line.len(),
                });
            }
            "include" => {
                for pattern in &words {
                    let include = Include::at(file, key.at.start, &pattern.text).optional(true);
                    loader.include(include.beside_the_first().into_block(block))?;
                }
            }
            _ => loader.document.add(file, block, key, words),
        }
    }
    Ok(())
}

/// `Key=value` and `Key = value` as key and value.
fn apart(mut words: Vec<Word>) -> Vec<Word> {
    if words.get(1).is_some_and(|word| word.text == "=") {
        words.remove(1);
    }
    let Some(first) = words.first() else {
        return words;
    };
    if let Some((key, value)) = first.text.split_once('=') {
        let (begin, end) = (first.at.start, first.at.end);
        let sign = begin + key.len();
        let two = [(key, begin..sign), (value, sign + 1..end)];
        let two = two.map(|(text, at)| Word {
            text: text.to_owned(),
            at,
        });
        words.splice(..1, two);
    }
    words
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn match_reaches_to_the_next() {
        let text = "ClientAliveInterval 5\nMatch User a\n  ClientAliveInterval=7\nMatch all\n\
                    ClientAliveCountMax = 2\n";
        assert_eq!(
            told(&document(Syntax::Ssh, text).unwrap()),
            [
                "/ClientAliveInterval=5",
                "Match/ClientAliveInterval=7",
                "Match/ClientAliveCountMax=2"
            ]
        );
    }
}
