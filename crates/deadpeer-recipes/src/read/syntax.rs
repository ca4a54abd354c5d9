//! The ways in which configurations are written.

mod arguments;
mod assignments;
mod blocks;
mod calls;
mod environment;
mod ini;
mod nats;
mod sections;
mod ssh;
mod uri;
mod words;
mod yaml;

use super::document::{Document, SourceFile, SyntaxError, Word};
use super::files::Loader;
use crate::recipe::{Configuration, Syntax};

/// Reads the file that was added last into a block.
pub(super) fn parse(
    syntax: Syntax,
    loader: &mut Loader<'_>,
    block: usize,
) -> Result<(), SyntaxError> {
    match syntax {
        Syntax::Blocks => blocks::parse(loader, block),
        Syntax::Ini => ini::parse(loader),
        Syntax::Words => words::parse(loader),
        Syntax::Ssh => ssh::parse(loader, block),
        Syntax::Postgresql => assignments::parse(loader, true),
        Syntax::Assignments => assignments::parse(loader, false),
        Syntax::Sections => sections::parse(loader),
        Syntax::Calls => calls::parse(loader),
        Syntax::Nats => nats::parse(loader),
        Syntax::Yaml => yaml::parse(loader),
        Syntax::Environment => environment::parse(loader),
        Syntax::Arguments => arguments::parse(loader),
    }
}

/// The keys that a command line sets, as entries behind all others.
pub(super) fn command_line(document: &mut Document, how: &Configuration, arguments: &[String]) {
    if arguments.is_empty() {
        return;
    }
    let file = document.files.len();
    let text = arguments.join("\n");
    let mut line = SourceFile::new("command line".into(), text);
    line.fixed = true;
    document.files.push(line);
    let mut at = 0;
    for (place, argument) in arguments.iter().enumerate() {
        let next = arguments.get(place + 1);
        for pattern in &how.arguments {
            let Some((key, value, taken)) = argument_of(pattern, argument, next) else {
                continue;
            };
            let end = at + argument.len() + next.filter(|_| taken > 1).map_or(0, |n| n.len() + 1);
            let word = |text: String| Word { text, at: at..end };
            document.add(file, Document::ROOT, word(key), vec![word(value)]);
            break;
        }
        at += argument.len() + 1;
    }
}

/// Key and value where one or two arguments are as a pattern such as `--{key}={value}` says.
fn argument_of(
    pattern: &str,
    argument: &str,
    next: Option<&String>,
) -> Option<(String, String, usize)> {
    let (first, taken) = match pattern.split_once(' ') {
        Some((first, rest)) if first.contains("{key}") => {
            let next = next?;
            let key = argument.strip_prefix(first.strip_suffix("{key}")?)?;
            let plain = rest == "{value}" && !key.is_empty() && !next.starts_with('-');
            return plain.then(|| (key.to_owned(), next.clone(), 2));
        }
        Some((first, _)) if argument != first => return None,
        Some(_) => (next?.as_str(), 2),
        None => (argument, 1),
    };
    let shape = pattern.rsplit(' ').next()?;
    let before = shape.split("{key}").next()?;
    let (key, value) = first.strip_prefix(before)?.split_once('=')?;
    (!key.is_empty()).then(|| (key.to_owned(), value.to_owned(), taken))
}

#[cfg(test)]
mod tests {
    use super::argument_of;

    #[test]
    fn arguments_are_read_by_their_pattern() {
        let of = |pattern, argument, next: Option<&str>| {
            let next = next.map(str::to_owned);
            argument_of(pattern, argument, next.as_ref())
                .map(|(key, value, _)| format!("{key}:{value}"))
        };
        assert_eq!(of("--{key}={value}", "--a=b", None).unwrap(), "a:b");
        assert_eq!(of("--{key} {value}", "--a", Some("b")).unwrap(), "a:b");
        assert_eq!(of("-p {key}={value}", "-p", Some("a=b")).unwrap(), "a:b");
        assert_eq!(of("-p {key}={value}", "-q", Some("a=b")), None);
        assert_eq!(of("--{key} {value}", "--a", Some("--b")), None);
        assert_eq!(of("--{key}={value}", "--a", None), None);
    }
}
