//! `deadpeer kill`: destroys half-open connections.

mod table;

use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

use clap::Args;
use deadpeer_host::Target;
use deadpeer_host::kill::{
    Decision, DestroyAllError, Destroyed, ProbeRounds, Selection, destroy, is_supported,
};
use deadpeer_report::duration;
use deadpeer_report::plural::plural;
use deadpeer_report::record::KillSummary;
use deadpeer_sys::signals::Second;

use crate::confirm::Consent;
use crate::drive::{Ended, drive, interruption};
use crate::exit::{Exit, Stop};
use crate::filter_args::{Chosen, FilterArgs};
use crate::flags::ConsentArgs;
use crate::gaps;
use crate::lending;
use crate::output::{Output, OutputArgs, line};
use crate::text::look::Look;
use crate::text::paragraph::counted;
use crate::text::style;

/// Destroy half-open connections, whose other end is gone
///
/// Asks the peer of every chosen connection first, by up to three keepalive probes, and destroys
/// what nobody answers for: its program finds out at once, by the error ECONNABORTED of its pending
/// or next call, instead of in minutes, hours or never. A connection whose peer answered, or could
/// not be asked, is left alone unless forced. Shows what would be done, and asks.
///
/// Takes CAP_NET_ADMIN to destroy and, to ask, CAP_SYS_PTRACE or the same user; a kernel with
/// CONFIG_INET_DIAG_DESTROY.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["silent_for", "unreachable", "all_matching"]))]
pub(crate) struct KillArgs {
    /// Connections whose peer has not been heard for this long
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    silent_for: Option<Duration>,
    /// Connections whose peer leaves three questions in a row unanswered, ours or the kernel's own
    #[arg(long)]
    unreachable: bool,
    /// Every connection that the filters choose
    #[arg(long)]
    all_matching: bool,
    /// Also connections whose peer has just answered, or could not be asked
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    filters: FilterArgs,
}

const AFTER_HELP: &str = "\
Examples:
  deadpeer kill --process postgres --silent-for 10m --dry-run
  deadpeer kill --port 6379 --unreachable --yes

Exit codes:
  0  every connection that was to go is gone (or would be: --dry-run), or none was to go
  1  some that were to go are still there, or you said no
  2  usage or run-time error: not permitted, or the kernel can't
  3  can't tell: nothing matches, or peers could not be asked";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    chosen: Chosen,
    selection: Selection,
    force: bool,
    consent: Consent,
}

impl KillArgs {
    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            chosen: self.filters.chosen_or(
                "which connections? Name them by a filter such as --process, --port or --peer, or say --all (nothing was changed)",
            )?,
            consent: self.consent.consent()?,
            selection: match self.silent_for {
                Some(time) => Selection::SilentFor(time),
                None if self.unreachable => Selection::Unreachable,
                None => Selection::AllMatching,
            },
            force: self.force,
        })
    }
}

/// Looks, asks the peers, shows, asks you, destroys, looks again.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let Chosen {
        filter, namespace, ..
    } = &request.chosen;
    let mut table = request.chosen.open()?;
    if !is_supported(namespace).map_err(|error| refused(&error))? {
        return Err(Stop::because(
            "this kernel cannot destroy connections: it was built without CONFIG_INET_DIAG_DESTROY (nothing was changed)",
        ));
    }
    let (mut targets, coverage) =
        Target::all(&mut table, filter).map_err(|error| Stop::from_error(&error))?;
    let inode = table.namespace();
    drop(table);
    targets.retain(|target| request.selection.means(target));
    if targets.is_empty() {
        output.gaps(out, coverage.hidden_owners(gaps::looker()))?;
        let done = Destroyed::default();
        output.tell(
            out,
            || KillSummary::from(&done),
            style::NOTE,
            || nothing(request),
        )?;
        return Ok(Exit::Unknown);
    }
    progress(&targets);
    // Options of a connection that is being asked are borrowed: no signal may end this before they
    // are given back.
    let interruption = interruption(Second::Ends)?;
    let lent = lending::on_record(inode, &targets, output, out)?;
    let mut rounds = ProbeRounds::new(&targets, Instant::now());
    let Ok(ended) = drive(&mut rounds, Some(&interruption), |_, _| ());
    let decisions = rounds.decisions(request.force);
    drop(rounds);
    drop(lent);
    let interrupted = ended == Ended::Interrupted || interruption.came();
    drop(interruption);
    if interrupted {
        return Err(Stop::because("interrupted (nothing was destroyed)"));
    }
    table::show(&targets, &decisions, output, out)?;
    output.gaps(out, table::unasked(&targets, &decisions, &coverage))?;
    let doomed: Vec<&Target> = targets
        .iter()
        .zip(&decisions)
        .filter(|(_, decision)| is_doomed(decision))
        .map(|(target, _)| target)
        .collect();
    let unknown = decisions
        .iter()
        .any(|decision| matches!(decision, Decision::Unknown(_)))
        || !coverage.hidden_processes.is_empty();
    out.flush()?;
    let question = format!(
        "Destroy {}? Their programs get ECONNABORTED.",
        plural(doomed.len() as u64, "connection")
    );
    if doomed.is_empty() || !request.consent.to(&question)? {
        return undone(request.consent, doomed.len() as u64, unknown, output, out);
    }
    let done = destroy(namespace, &doomed).map_err(|error| refused(&error))?;
    match output {
        Output::Text(look) => told(&done, look, out)?,
        Output::Json => line(out, &KillSummary::from(&done))?,
    }
    Ok(match (done.still_there, &done.refused) {
        (0, None) => Exit::Fine,
        _ => Exit::Over,
    })
}

fn is_doomed(decision: &Decision) -> bool {
    matches!(decision, Decision::Destroy { .. } | Decision::Forced(_))
}

/// Asking takes seconds, and somebody waits.
fn progress(targets: &[Target]) {
    if std::io::stderr().is_terminal() {
        let connections = plural(targets.len() as u64, "connection");
        eprintln!("asking the peers of {connections}, up to three times each");
    }
}

fn nothing(request: &Request) -> String {
    let mut said = "No open connection".to_owned();
    let silent = match request.selection {
        Selection::SilentFor(time) => {
            Some(format!("has been silent for {}", duration::typed(time)))
        }
        Selection::Unreachable | Selection::AllMatching | _ => None,
    };
    match (request.chosen.is_filtered(), silent) {
        (false, None) => return "There is no open connection.".to_owned(),
        (false, Some(silent)) => said += &format!(" {silent}"),
        (true, None) => said += &format!(" matches {}", request.chosen.words()),
        (true, Some(silent)) => {
            said += &format!(" matches {} and {silent}", request.chosen.words());
        }
    }
    said + "."
}

/// Ends where nothing is destroyed.
fn undone(
    consent: Consent,
    doomed: u64,
    unknown: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let said = || match (consent, doomed) {
        (Consent::Rehearse, 1..) => format!(
            "{} would be destroyed; nothing was.",
            plural(doomed, "connection")
        ),
        (Consent::Rehearse | Consent::Given | Consent::Ask, _) => {
            "Nothing was destroyed.".to_owned()
        }
    };
    let done = Destroyed::default();
    output.tell(out, || KillSummary::from(&done), style::PLAIN, said)?;
    Ok(match (consent, doomed) {
        (_, 0) if unknown => Exit::Unknown,
        (_, 0) | (Consent::Rehearse, _) => Exit::Fine,
        (Consent::Given | Consent::Ask, _) => Exit::Over,
    })
}

fn told(done: &Destroyed, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let mut say = |style, count, text: &str| counted(out, look, style, (count, "connection"), text);
    say(
        style::GOOD,
        done.destroyed,
        "destroyed: gone from the kernel's table. What their programs see is ECONNABORTED; their peers, should they be there, get an RST.",
    )?;
    say(style::PLAIN, done.gone, "already over when the turn came.")?;
    say(style::BAD, done.still_there, "still there.")?;
    if let Some((count, error)) = &done.refused {
        say(style::BAD, *count, &format!("not destroyed: {error}."))?;
    }
    Ok(())
}

fn refused(error: &DestroyAllError) -> Stop {
    match Stop::from_error(error) {
        Stop::Failed(why) => Stop::because(format!("{why} (nothing was destroyed)")),
        stop @ Stop::PipeClosed => stop,
    }
}
