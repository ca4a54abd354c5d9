//! `deadpeer completions` and `deadpeer man`: other outputs of the one definition of the command
//! line.

use std::io::Write;

use clap::{Args, CommandFactory as _};

use crate::args::Cli;
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
    /// Verb whose page to print; without it, the page of deadpeer itself
    verb: Option<String>,
}

/// Writes the completion script.
pub(crate) fn completions(args: &CompletionsArgs, out: &mut impl Write) -> Result<Exit, Stop> {
    // The generator panics where writing fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deadpeer", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Yes)
}

/// Writes the manual page.
pub(crate) fn man(args: &ManArgs, out: &mut impl Write) -> Result<Exit, Stop> {
    let command = crate::args::command();
    let page = match &args.verb {
        None => command,
        Some(verb) => page_of(command, verb)?,
    };
    clap_mangen::Man::new(page)
        .source(concat!("deadpeer ", env!("CARGO_PKG_VERSION")))
        .manual("deadpeer")
        .render(out)?;
    Ok(Exit::Yes)
}

/// A verb as a command of its own, with what holds for every verb.
fn page_of(mut command: clap::Command, verb: &str) -> Result<clap::Command, Stop> {
    command.build();
    let verbs: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let unknown = || {
        Stop::because(format!(
            "no verb is called '{verb}', there are {}",
            verbs.join(", ")
        ))
    };
    let page = command.find_subcommand(verb).ok_or_else(unknown)?.clone();
    let after = after(&page);
    Ok(page
        .display_name(format!("deadpeer-{verb}"))
        .version(env!("CARGO_PKG_VERSION"))
        .after_long_help(after))
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
