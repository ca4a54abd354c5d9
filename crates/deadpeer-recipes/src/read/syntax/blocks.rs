//! nginx: words, each statement ended by `;` or a block in braces
//! (nginx src/core/ngx_conf_file.c, `ngx_conf_read_token`).

use crate::read::document::{Block, Document, Entry, SyntaxError, Word};
use crate::read::files::{Include, Loader};

/// Reads the last file into a block.
pub(super) fn parse(loader: &mut Loader<'_>, outer: usize) -> Result<(), SyntaxError> {
    let file = loader.document.files.len() - 1;
    let text = loader.document.text(file).to_owned();
    let parser = Parser {
        loader,
        file,
        scanner: Scanner { text: &text, at: 0 },
        open: vec![outer],
        statement: Vec::new(),
    };
    parser.parse()
}

struct Parser<'p, 'f, 't> {
    loader: &'p mut Loader<'f>,
    file: usize,
    scanner: Scanner<'t>,
    /// The blocks that are open, the innermost last.
    open: Vec<usize>,
    /// The words of a statement that has not ended yet.
    statement: Vec<Word>,
}

impl Parser<'_, '_, '_> {
    fn parse(mut self) -> Result<(), SyntaxError> {
        loop {
            let token = self.scanner.next();
            match token.map_err(|(at, what)| self.error(at, what))? {
                Token::Word(word) => self.statement.push(word),
                Token::End(end) => self.end_statement(end)?,
                Token::Open(end) => self.open_block(end)?,
                Token::Close(at) => self.close_block(at)?,
                Token::EndOfFile => return self.end_file(),
            }
        }
    }

    fn end_statement(&mut self, end: usize) -> Result<(), SyntaxError> {
        let (file, block) = (self.file, self.block());
        let mut words = self.take_statement("unexpected \";\"")?;
        let key = words.remove(0);
        match (key.text.as_str(), words.first()) {
            ("include", Some(pattern)) => {
                let include = Include::at(file, key.at.start, &pattern.text);
                let include = include.beside_the_first().into_block(block);
                self.loader.include(include)?;
            }
            _ => self.loader.document.entries.push(Entry {
                file,
                block,
                key,
                words,
                end,
            }),
        }
        Ok(())
    }

    fn open_block(&mut self, end: usize) -> Result<(), SyntaxError> {
        let parent = Some(self.block());
        let words = self.take_statement("unexpected \"{\"")?;
        let name = words[0].text.clone();
        if name.ends_with("_by_lua_block") {
            let skipped = self.scanner.skip_foreign();
            return skipped.map_err(|(at, what)| self.error(at, what));
        }
        let block = self.loader.document.open(Block {
            name,
            words: words[1..].iter().map(|word| word.text.clone()).collect(),
            parent,
            file: self.file,
            opens: end,
        });
        self.open.push(block);
        Ok(())
    }

    fn close_block(&mut self, at: usize) -> Result<(), SyntaxError> {
        if !self.statement.is_empty() || self.open.len() == 1 {
            return Err(self.error(at, "unexpected \"}\""));
        }
        self.open.pop();
        Ok(())
    }

    fn end_file(self) -> Result<(), SyntaxError> {
        if let Some(word) = self.statement.first() {
            let what = "the file ends before this statement does: \";\" or \"}\" is missing";
            return Err(self.error(word.at.start, what));
        }
        if self.open.len() > 1 {
            let opens = self.loader.document.blocks[self.block()].opens;
            return Err(self.error(opens, UNCLOSED));
        }
        Ok(())
    }

    /// The innermost block.
    fn block(&self) -> usize {
        self.open.last().copied().unwrap_or(Document::ROOT)
    }

    /// The words of the statement that the last token ended; it is `wrong` there if there are none.
    fn take_statement(&mut self, wrong: &str) -> Result<Vec<Word>, SyntaxError> {
        match self.statement.is_empty() {
            true => Err(self.error(self.scanner.at - 1, wrong)),
            false => Ok(std::mem::take(&mut self.statement)),
        }
    }

    fn error(&self, at: usize, what: &str) -> SyntaxError {
        self.loader.document.error(self.file, at, what)
    }
}

const UNCLOSED: &str = "this block is never closed: \"}\" is missing";

enum Token {
    Word(Word),
    /// `;`, and where it ends.
    End(usize),
    Open(usize),
    Close(usize),
    EndOfFile,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

type Wrong = (usize, &'static str);

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Result<Token, Wrong> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let Some(first) = self.rest().chars().next() else {
                return Ok(Token::EndOfFile);
            };
            let begin = self.at;
            self.at += first.len_utf8();
            return Ok(match first {
                '#' => {
                    let rest = self.rest();
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                ';' => Token::End(self.at),
                '{' => Token::Open(self.at),
                '}' => Token::Close(begin),
                '"' | '\'' => Token::Word(self.quoted(begin, first)?),
                _ => Token::Word(self.bare(begin)),
            });
        }
    }

    fn quoted(&mut self, begin: usize, quote: char) -> Result<Word, Wrong> {
        let mut text = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                '\\' => {
                    let Some((_, next)) = chars.next() else { break };
                    if next != quote && next != '\\' {
                        text.push('\\');
                    }
                    text.push(next);
                }
                c if c == quote => {
                    self.at += place + c.len_utf8();
                    let next = self.rest().chars().next();
                    let ends = |c: char| c.is_whitespace() || ";{)".contains(c);
                    if !next.is_none_or(ends) {
                        return Err((self.at, "something follows a quote without a space"));
                    }
                    return Ok(Word {
                        text,
                        at: begin..self.at,
                    });
                }
                c => text.push(c),
            }
        }
        Err((begin, "this quote is never closed"))
    }

    fn bare(&mut self, begin: usize) -> Word {
        let mut before = '\0';
        let mut end = self.text.len();
        for (place, c) in self.text[begin..].char_indices() {
            let ends = c.is_whitespace() || c == ';' || (c == '{' && before != '$');
            if ends && before != '\\' {
                end = begin + place;
                break;
            }
            before = c;
        }
        self.at = end;
        Word {
            text: self.text[begin..end].to_owned(),
            at: begin..end,
        }
    }

    /// Lua within braces: not ours to understand.
    fn skip_foreign(&mut self) -> Result<(), Wrong> {
        let begin = self.at;
        let mut depth = 1;
        for (place, c) in self.text[begin..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = begin + place + 1;
                return Ok(());
            }
        }
        Err((begin, UNCLOSED))
    }
}

#[cfg(test)]
mod tests {
    use crate::read::testing::{document, told};
    use crate::recipe::Syntax;

    #[test]
    fn statements_stand_in_their_blocks() {
        let text = "user www; # a comment; with {}\nhttp {\n  server { listen 80 'a b';\n}}\n\
                    map $x ${y}z { default \"q\\\"q\"; }\n";
        let read = document(Syntax::Blocks, text).unwrap();
        assert_eq!(
            told(&read),
            ["/user=www", "server/listen=80,a b", "map/default=q\"q"]
        );
    }

    #[test]
    fn lua_is_passed_over() {
        let text = "a_by_lua_block { if x then { y = ';' } end } listen 80;";
        assert_eq!(document(Syntax::Blocks, text).unwrap().entries.len(), 1);
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        for (text, said) in [
            (
                "http {\n  listen 80;\n",
                "f:1:7: this block is never closed",
            ),
            ("user a;\n}\n", "f:2:1: unexpected \"}\""),
            ("a;\n  b 'c\nd", "f:2:5: this quote is never closed"),
            (
                "listen 80\n",
                "f:1:1: the file ends before this statement does",
            ),
            (
                "a 'b'c;",
                "f:1:6: something follows a quote without a space",
            ),
            ("ä;;", "f:1:3: unexpected \";\""),
        ] {
            let error = document(Syntax::Blocks, text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{text:?}: {error}");
        }
    }
}
