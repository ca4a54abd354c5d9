//! `deadpeer completions` and `deadpeer man`: other outputs of the one definition of the command
//! line.

mod sections;

use std::io::Write;

use clap::builder::Resettable;
use clap::{Args, Command};

use crate::exit::{Exit, Stop};

/// Print a shell completion script
///
/// For bash: deadpeer completions bash > ~/.local/share/bash-completion/completions/deadpeer
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    shell: clap_complete::Shell,
}

/// Print a manual page
///
/// To read it: deadpeer man audit | man -l -
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Verb whose page to print, such as audit, or lab run; without it, the page of deadpeer itself
    verb: Vec<String>,
}

/// Writes the completion script.
pub(crate) fn completions(
    args: &CompletionsArgs,
    mut command: Command,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    // The generator panics where writing fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "deadpeer", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Yes)
}

/// Writes the manual page.
pub(crate) fn man(args: &ManArgs, command: Command, out: &mut impl Write) -> Result<Exit, Stop> {
    let page = match args.verb.as_slice() {
        [] => command,
        verbs => page_of(command, verbs)?,
    };
    let after = page.get_after_long_help().map(ToString::to_string);
    // It would be one section of filled lines, called EXTRA.
    clap_mangen::Man::new(page.after_long_help(Resettable::Reset))
        .source(concat!("deadpeer ", env!("CARGO_PKG_VERSION")))
        .manual("deadpeer")
        .render(out)?;
    out.write_all(sections::sections(&after.unwrap_or_default()).as_bytes())?;
    Ok(Exit::Yes)
}

/// A verb as a command of its own.
fn page_of(mut command: Command, path: &[String]) -> Result<Command, Stop> {
    command.build();
    let mut page = &command;
    for verb in path {
        page = page
            .find_subcommand(verb)
            .ok_or_else(|| no_such_verb(page, verb))?;
    }
    let name = format!("deadpeer-{}", path.join("-"));
    Ok(page.clone().display_name(name))
}

fn no_such_verb(command: &Command, verb: &str) -> Stop {
    Stop::because(match verbs(command).as_slice() {
        [] => format!("'{}' has no verbs of its own", command.get_name()),
        verbs => format!("no verb is called '{verb}', there are {}", verbs.join(", ")),
    })
}

/// The verbs that a command takes and shows.
pub(crate) fn verbs(command: &Command) -> Vec<&str> {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let names = verbs.map(Command::get_name);
    names.filter(|name| *name != "help").collect()
}
