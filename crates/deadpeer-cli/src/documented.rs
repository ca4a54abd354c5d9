//! Every command that the documents and the help texts print can be typed as it is printed.

use std::path::Path;

use clap::error::ErrorKind;

use crate::args;

/// Documents whose commands are looked at.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    let mut paths: Vec<_> = markdown.collect();
    paths.push(root.join("README.md"));
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(|path| read(path)).collect()
}

/// The help of a command and of all verbs below it.
fn helps(command: &mut clap::Command, into: &mut Vec<(String, String)>) {
    let text = command.render_long_help().to_string();
    into.push((format!("help of {}", command.get_name()), text));
    for verb in command.get_subcommands_mut() {
        helps(verb, into);
    }
}

/// The commands in a text: what follows `deadpeer` in code, up to where the shell or the writer
/// goes on. Between backquotes a verb may stand for itself, without what it needs.
fn commands(text: &str) -> Vec<(Vec<String>, bool)> {
    let joined: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
    let text = joined.join(" ");
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let typed = line
            .trim_start()
            .trim_start_matches("$ ")
            .trim_start_matches("# ");
        if in_block || line.starts_with("  deadpeer ") || line.starts_with("  sudo deadpeer ") {
            found.extend(command(typed).map(|words| {
                let is_whole = words.len() > 2;
                (words, is_whole)
            }));
        } else {
            let inline = line.split('`').skip(1).step_by(2).filter_map(command);
            found.extend(inline.map(|words| (words, false)));
        }
    }
    found
}

/// The words of one, unless it is none or stands for many.
fn command(text: &str) -> Option<Vec<String>> {
    let text = text.trim_start_matches("sudo ");
    if !text.starts_with("deadpeer ") || text.contains("...") || text.contains('[') {
        return None;
    }
    // Three blanks: a remark follows.
    let text = text.split("   ").next().unwrap_or(text);
    let text = text.split(['|', '<', '>', ';']).next().unwrap_or(text);
    let text = text.trim_end_matches(['&', ' ']);
    let words = shlex::split(text)?;
    let has_placeholder = words
        .iter()
        .any(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase()));
    (!has_placeholder && words.len() > 1).then_some(words)
}

#[test]
fn every_printed_command_can_be_typed() {
    let mut texts = documents();
    helps(&mut args::command(), &mut texts);
    let mut refused = Vec::new();
    let mut seen = 0;
    for (name, text) in &texts {
        for (words, is_whole) in commands(text) {
            seen += 1;
            let accepts = |kind| kind == ErrorKind::MissingRequiredArgument && !is_whole;
            if let Err(error) = args::command().try_get_matches_from(&words)
                && error.use_stderr()
                && !accepts(error.kind())
            {
                let why = args::sentence(&error);
                refused.push(format!("{name}: {}: {why}", words.join(" ")));
            }
        }
    }
    assert!(seen > 100, "only {seen} commands were found");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
