//! The command line, defined once: help, manual pages and completions all come from here.

use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use deadpeer_report::sanitize::sanitize;

use crate::audit;
use crate::ends;
use crate::exit::Exit;
use crate::explain;
use crate::guard;
use crate::history;
use crate::kill;
use crate::lab;
use crate::ping;
use crate::plan;
use crate::protect;
use crate::run;
use crate::shell;
use crate::text::look::Look;
use crate::text::style::{self, ColorChoice};
use crate::trial;
use crate::watch;

/// Find TCP connections that would hang if their peer vanished, and make them notice
///
/// A peer that loses power, its network or its NAT entry sends nothing. Until the kernel gives up,
/// reads block and resources stay tied up: for seconds, for hours, or forever. deadpeer says how
/// long, for every connection and every kind of silence, and what to set.
#[derive(Debug, Parser)]
#[command(name = "deadpeer", version, max_term_width = 100, after_long_help = EXAMPLES)]
#[command(
    subcommand_required = true,
    arg_required_else_help = false,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) screen: Screen,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What it can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Audit(Box<audit::AuditArgs>),
    Plan(plan::PlanArgs),
    Explain(Box<explain::ExplainArgs>),
    Test(Box<trial::TestArgs>),
    Lab(Box<lab::LabArgs>),
    Listen(Box<ends::ListenArgs>),
    Connect(Box<ends::ConnectArgs>),
    Watch(Box<watch::WatchArgs>),
    History(Box<history::HistoryArgs>),
    Run(Box<run::RunArgs>),
    Ping(Box<ping::PingArgs>),
    Protect(Box<protect::ProtectArgs>),
    Kill(Box<kill::KillArgs>),
    Guard(Box<guard::GuardArgs>),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

/// How the output looks.
#[derive(Debug, Args)]
pub(crate) struct Screen {
    /// When to colour the output: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: ColorChoice,
    /// Columns to fit the output into, instead of asking the terminal
    #[arg(long, global = true, value_name = "COLUMNS", hide = true)]
    width: Option<u16>,
}

impl Screen {
    /// Width and colour of what is written to stdout. A pipe has no width.
    pub(crate) fn look(&self) -> Look {
        let width = match self.width {
            Some(width) => Some(usize::from(width)),
            None => terminal_width(),
        };
        Look {
            width,
            color: self.color.resolve(),
        }
    }
}

fn terminal_width() -> Option<usize> {
    if !style::stdout_is_terminal() {
        return None;
    }
    match terminal_size::terminal_size_of(std::io::stdout()) {
        Some((width, _)) => Some(usize::from(width.0)),
        // Some terminals don't know their size, but the shell does.
        None => std::env::var("COLUMNS").ok()?.parse().ok(),
    }
}

/// What most people come for.
const EXAMPLES: &str = "\
Examples:
  deadpeer audit --within 30s             Which connections would hang for longer?
  deadpeer plan --for nginx --within 30s  What do I write, and where?
  sudo deadpeer protect --within 30s --process redis-server
                                          Make a running program notice
  sudo deadpeer watch                     Which connections die, and why?
  deadpeer explain capture.pcapng         Who was gone, since when?
  deadpeer help protect                   The whole help of a verb

Exit codes:
  0  yes, fine
  1  no: over the deadline, or a promise that cannot be kept
  2  usage or run-time error
  3  can't tell: not permitted to see, or unknown";

/// The codes of a verb that answers no question.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  2  usage or run-time error";

/// What stands below every table that does not say itself what a signal comes to.
const INTERRUPTED: &str = "
  130  interrupted, as by Ctrl-C; what is known by then is printed
  143  ended by SIGTERM, in the same way";

/// The command with the exit codes in the help of every verb.
pub(crate) fn command() -> clap::Command {
    with_codes(Cli::command())
}

fn with_codes(command: clap::Command) -> clap::Command {
    let after = after(&command);
    command.after_long_help(after).mut_subcommands(with_codes)
}

/// What the help of a verb ends with: its own examples and exit codes, or those of a verb that has
/// no answer to give.
fn after(verb: &clap::Command) -> String {
    match verb.get_after_long_help().map(ToString::to_string) {
        // The guard, for which SIGTERM is the ordinary end, and `run`, which ends as its program
        // does.
        Some(own) if own.contains("  130  ") || own.contains("128 + N") => own,
        Some(own) => format!("{own}{INTERRUPTED}"),
        None => format!("{EXIT_CODES}{INTERRUPTED}"),
    }
}

/// Reads the command line.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches()?)
}

/// Prints help or version, or says in one sentence what is wrong with the arguments. `run` leaves
/// the small codes to the program that it runs.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    let usage = match verb_is_run(std::env::args().skip(1)) {
        true => ExitCode::from(run::FAILED),
        false => Exit::Error.into(),
    };
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // A closed pipe is the only way this fails, and that is success.
        let _ = error.print();
        return Exit::Yes.into();
    }
    remark!("deadpeer: {}", sentence(error));
    usage
}

/// Whether the first word that is no flag, nor the value of one, is `run`.
fn verb_is_run(words: impl Iterator<Item = String>) -> bool {
    let mut is_value = false;
    for word in words {
        match word.as_str() {
            _ if is_value => is_value = false,
            "--color" | "--width" => is_value = true,
            flag if flag.starts_with('-') => {}
            verb => return verb == "run",
        }
    }
    false
}

/// clap's explanation without the usage that follows it, in one line.
pub(crate) fn sentence(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::MissingSubcommand {
        return missing_verb(error);
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(one_line);
    let mut said = paragraphs.next().unwrap_or_default();
    if let Some(bare) = said.strip_prefix("error: ") {
        said = bare.to_owned();
    }
    for similar in paragraphs.filter_map(|tip| tip.strip_prefix("tip: a similar ").map(one_line)) {
        said.push_str(" (a similar ");
        said.push_str(&similar);
        said.push(')');
    }
    sanitize(&said).into_owned()
}

/// Which verbs there are, of deadpeer or of a verb that has some itself.
fn missing_verb(error: &clap::Error) -> String {
    let of = error.get(ContextKind::InvalidSubcommand);
    let of = of.map(ToString::to_string).unwrap_or_default();
    let mut command = &Cli::command();
    for verb in of.split(' ').skip(1) {
        command = command.find_subcommand(verb).unwrap_or(command);
    }
    let verbs = shell::verbs(command).join(", ");
    format!("a verb is missing: use one of {verbs} (see '{of} --help')")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_the_verb_run_leaves_small_codes_to_its_program() {
        let is_run = |line: &str| verb_is_run(line.split(' ').map(str::to_owned));
        assert!(is_run("run --within 30s"));
        assert!(is_run("--color never run --bogus"));
        assert!(!is_run("ping --process run"));
        assert!(!is_run("--color run ping"));
    }

    #[test]
    fn a_verb_without_its_own_verb_names_those() {
        let error = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap_err();
        let said = sentence(&error("deadpeer lab"));
        let wanted = "a verb is missing: use one of list, run, matrix (see 'deadpeer lab --help')";
        assert_eq!(said, wanted);
        let said = sentence(&error("deadpeer"));
        assert!(said.contains("one of audit, plan,"), "{said}");
        assert!(said.ends_with("man (see 'deadpeer --help')"), "{said}");
    }

    #[test]
    fn usage_errors_are_one_line() {
        for line in [
            "deadpeer",
            "deadpeer frobnicate",
            "deadpeer lab",
            "deadpeer man --nosuch",
            "deadpeer completions",
            "deadpeer completions tcsh",
            "deadpeer completions bash --color sometimes",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            let said = sentence(&error);
            assert!(!said.is_empty() && !said.contains('\n'), "{line}: {said}");
            assert!(!said.contains("Usage"), "{line}: {said}");
        }
    }
}
