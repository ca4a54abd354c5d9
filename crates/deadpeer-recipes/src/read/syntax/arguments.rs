//! Options of a command line, a line each, as Debian's `/etc/memcached.conf` has them.

use super::words::split;
use crate::read::document::{Document, SyntaxError, Word, lines};
use crate::read::files::Loader;

/// Reads the last file. An option is a key; where it sets several things, as `-o a=1,b` does, each
/// of them is.
pub(super) fn parse(loader: &mut Loader<'_>) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    // Its value depends on what was set before: nothing of it is changed by a patch.
    loader.document.files[file].fixed = true;
    let text = loader.document.text(file).to_owned();
    for (begin, line) in lines(&text) {
        let words =
            split(line, begin).map_err(|(at, what)| loader.document.error(file, at, what))?;
        let mut words = words.into_iter();
        let Some(option) = words.next() else { continue };
        let words: Vec<Word> = words.collect();
        for word in words.iter().filter(|_| option.text == "-o") {
            for (key, value) in word.text.split(',').filter_map(|set| set.split_once('=')) {
                let word = |text: &str| Word {
                    text: text.to_owned(),
                    at: word.at.clone(),
                };
                let (key, value) = (word(key), vec![word(value)]);
                loader.document.add(file, Document::ROOT, key, value);
            }
        }
        loader.document.add(file, Document::ROOT, option, words);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn an_option_is_a_key_and_so_is_what_it_sets() {
        let text = "# memory\n-m 64\n-o idle_timeout=20,no_lru_crawler\n-vv\n";
        assert_eq!(
            told(&document(Syntax::Arguments, text).unwrap()),
            [
                "/-m=64",
                "/idle_timeout=20",
                "/-o=idle_timeout=20,no_lru_crawler",
                "/-vv="
            ]
        );
    }
}
