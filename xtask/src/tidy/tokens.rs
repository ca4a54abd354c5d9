//! Rust source as a flat row of tokens: what the rules look at.
//!
//! A lexer is enough for them, and unlike a parser it sees into the bodies of macros.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// An identifier, a literal, a punctuation mark (`::` is one) or a bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// All tokens of a file.
pub(super) fn all(source: &str) -> Result<Vec<Token>> {
    let mut flat = Vec::new();
    flatten(stream(source)?, &mut flat);
    Ok(flat)
}

/// The tokens of a file without what only tests compile: items under `#[cfg(test)]`, and under the
/// feature `testing`, which tests of other crates switch on.
pub(super) fn product(source: &str) -> Result<Vec<Token>> {
    let mut flat = Vec::new();
    flatten(without_tests(stream(source)?), &mut flat);
    Ok(flat)
}

fn stream(source: &str) -> Result<TokenStream> {
    source.parse().map_err(|error| anyhow!("not Rust: {error}"))
}

fn flatten(stream: TokenStream, flat: &mut Vec<Token>) {
    let mut half_of_path = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: String| flat.push(Token { text, line });
        match &tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                push(open.to_owned());
                flatten(group.stream(), flat);
                let line = group.span_close().end().line;
                let text = close.to_owned();
                flat.push(Token { text, line });
            }
            TokenTree::Punct(punct) if half_of_path && punct.as_char() == ':' => {
                flat.pop();
                let text = "::".to_owned();
                flat.push(Token { text, line });
            }
            TokenTree::Punct(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {
                push(tree.to_string());
            }
        }
        half_of_path = !half_of_path && is_punct(&tree, ':') && is_joint(&tree);
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// Drops each item that follows an attribute of tests: up to its `;` or its body.
fn without_tests(stream: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let opens_attribute = is_punct(&tree, '#');
        match trees.peek() {
            Some(TokenTree::Group(group)) if opens_attribute && is_for_tests(&group.stream()) => {
                trees.next();
                for tree in trees.by_ref() {
                    if is_punct(&tree, ';') || is_body(&tree) {
                        break;
                    }
                }
            }
            _ => kept.push(descend(tree)),
        }
    }
    kept.into_iter().collect()
}

fn descend(tree: TokenTree) -> TokenTree {
    let TokenTree::Group(group) = tree else {
        return tree;
    };
    let mut inner = proc_macro2::Group::new(group.delimiter(), without_tests(group.stream()));
    inner.set_span(group.span());
    TokenTree::Group(inner)
}

fn is_for_tests(attribute: &TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    let testing = "cfg(feature=\"testing\")";
    let either = "cfg(any(test,feature=\"testing\"))";
    ["test", "cfg(test)", testing, either].contains(&text.as_str())
}

fn is_punct(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn is_joint(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
}

fn is_body(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}
