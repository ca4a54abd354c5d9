//! Every command that the documents and the help texts print can be typed as it is printed.

mod printed;

use clap::error::ErrorKind;

use crate::args;
use printed::{commands, documents};

/// The help of a command and of all verbs below it.
fn helps(command: &mut clap::Command, into: &mut Vec<(String, String)>) {
    let text = command.render_long_help().to_string();
    into.push((format!("help of {}", command.get_name()), text));
    for verb in command.get_subcommands_mut() {
        helps(verb, into);
    }
}

#[test]
fn every_printed_command_can_be_typed() {
    let mut texts = documents();
    helps(&mut args::command(), &mut texts);
    let mut refused = Vec::new();
    let mut seen = 0;
    for (name, text) in &texts {
        for command in commands(text) {
            seen += 1;
            let accepts = |kind| kind == ErrorKind::MissingRequiredArgument && !command.is_whole;
            if let Err(error) = args::command().try_get_matches_from(&command.words)
                && error.use_stderr()
                && !accepts(error.kind())
            {
                let why = args::sentence(&error);
                refused.push(format!("{name}: {}: {why}", command.typed));
            }
        }
    }
    assert!(seen > 100, "only {seen} commands were found");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
