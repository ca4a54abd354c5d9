//! The command `deadpeer`: arguments in, rendered answers and an exit code out.
//!
//! Every verb has a folder or file of its own and decides nothing about TCP: the judgement is
//! `deadpeer-core`'s, the looking is `deadpeer-host`'s.

/// Says something on stderr. That nobody can hear it, on a full disk or a closed pipe, is no reason
/// to end halfway, as `eprintln!` would.
macro_rules! remark {
    ($($said:tt)*) => {{
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{}\n", format_args!($($said)*)),
        );
    }};
}

mod alone;
mod args;
mod audit;
mod configuration;
mod confirm;
#[cfg(test)]
mod documented;
mod drive;
mod enclosed;
mod ends;
mod exit;
mod explain;
mod filter_args;
mod flags;
mod gaps;
mod guard;
mod history;
mod kill;
mod lab;
mod lending;
mod names;
mod open_files;
mod output;
mod ping;
mod plan;
mod policy_args;
mod protect;
mod remedy;
mod run;
mod shell;
mod supervised;
mod table_args;
mod text;
mod trial;
mod watch;

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use deadpeer_report::sanitize::sanitize;
use deadpeer_sys::signals::{self, Signal};

use args::{Cli, Verb};
use exit::{Exit, Stop};

fn main() -> ExitCode {
    // Where whoever started us ignores it, nothing would tell how a program ends that we start.
    let _ = signals::heed(Signal::CHILD);
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => return args::report(&error),
    };
    match run(&cli) {
        Ok(code) => code,
        Err(Stop::PipeClosed) => Exit::Yes.into(),
        Err(Stop::Interrupted(sentence)) => {
            remark!("deadpeer: {}", sanitize(&sentence));
            Exit::Interrupted.into()
        }
        Err(Stop::Failed(sentence)) => {
            remark!("deadpeer: {}", sanitize(&sentence));
            Exit::Error.into()
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Stop> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let look = cli.screen.look();
    let exit = match &cli.verb {
        Verb::Audit(args) => audit::run(&args.request()?, args.table.output.form(look), &mut out),
        Verb::Plan(args) => plan::run(&args.request()?, args.output.form(look), &mut out),
        Verb::Explain(args) => explain::run(&args.request(), args.output.form(look), &mut out),
        Verb::Test(args) => trial::run(&args.request()?, args.output.form(look), &mut out),
        Verb::Lab(args) => lab::run(&args.request()?, args.output().form(look), &mut out),
        Verb::Listen(args) => {
            ends::listen(&args.request()?, args.common.output.form(look), &mut out)
        }
        Verb::Connect(args) => {
            ends::connect(&args.request()?, args.common.output.form(look), &mut out)
        }
        Verb::Watch(args) => watch::run(&args.request()?, args.table.output.form(look), &mut out),
        Verb::History(args) => history::run(&args.request()?, args.output.form(look), &mut out),
        // It ends as the program does that it runs.
        Verb::Run(args) => return Ok(run::run(&args.request())),
        Verb::Ping(args) => ping::run(&args.request()?, args.output.form(look), &mut out),
        Verb::Protect(args) => {
            protect::run(&args.request()?, args.table.output.form(look), &mut out)
        }
        Verb::Kill(args) => kill::run(&args.request()?, args.output.form(look), &mut out),
        Verb::Guard(args) => guard::run(&args.request(), args.output().form(look), &mut out),
        Verb::Completions(args) => shell::completions(args, args::command(), &mut out),
        Verb::Man(args) => shell::man(args, args::command(), &mut out),
    }?;
    out.flush()?;
    Ok(exit.into())
}
