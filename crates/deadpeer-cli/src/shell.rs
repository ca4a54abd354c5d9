//! `deadpeer completions` and `deadpeer man`: other outputs of the one definition of the command
//! line.

use std::io::Write;

use clap::Args;

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
pub(crate) fn completions(args: &CompletionsArgs, out: &mut impl Write) -> Result<Exit, Stop> {
    // The generator panics where writing fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::args::command(),
        "deadpeer",
        &mut script,
    );
    out.write_all(&script)?;
    Ok(Exit::Yes)
}

/// Writes the manual page.
pub(crate) fn man(args: &ManArgs, out: &mut impl Write) -> Result<Exit, Stop> {
    let command = crate::args::command();
    let page = match args.verb.as_slice() {
        [] => command,
        verbs => page_of(command, verbs)?,
    };
    clap_mangen::Man::new(page)
        .source(concat!("deadpeer ", env!("CARGO_PKG_VERSION")))
        .manual("deadpeer")
        .render(out)?;
    Ok(Exit::Yes)
}

/// A verb as a command of its own.
fn page_of(mut command: clap::Command, path: &[String]) -> Result<clap::Command, Stop> {
    command.build();
    let mut page = &command;
    for verb in path {
        page = page
            .find_subcommand(verb)
            .ok_or_else(|| no_such_verb(page, verb))?;
    }
    let name = format!("deadpeer-{}", path.join("-"));
    let page = page.clone().display_name(name);
    Ok(page.version(env!("CARGO_PKG_VERSION")))
}

fn no_such_verb(command: &clap::Command, verb: &str) -> Stop {
    Stop::because(match verbs(command).as_slice() {
        [] => format!("'{}' has no verbs of its own", command.get_name()),
        verbs => format!("no verb is called '{verb}', there are {}", verbs.join(", ")),
    })
}

/// The verbs that a command takes and shows.
pub(crate) fn verbs(command: &clap::Command) -> Vec<&str> {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let names = verbs.map(clap::Command::get_name);
    names.filter(|name| *name != "help").collect()
}

/// What a page ends with: the verb's own examples and exit codes, or the codes of every verb.
pub(crate) fn after(page: &clap::Command) -> String {
    let codes = crate::args::EXIT_CODES;
    match page.get_after_long_help().map(ToString::to_string) {
        Some(own) if own.contains("Exit codes") => own,
        Some(own) => format!("{own}\n\n{codes}"),
        None => codes.to_owned(),
    }
}
