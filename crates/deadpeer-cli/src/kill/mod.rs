//! `deadpeer kill`: destroys half-open connections.

mod table;

use crate::audit::gaps::say_hidden;
use crate::confirm::Consent;
use crate::drive::{Ended, drive, interruption};
use crate::exit::{Exit, Stop};
use crate::filter_args::FilterArgs;
use crate::json::line;
use crate::lending;
use crate::text::duration;
use crate::text::paragraph::{counted, paragraph};
use crate::text::plural::plural;
use crate::text::sanitize::sanitize;
use crate::text::style;
use crate::text::table::Look;
use clap::Args;
use deadpeer_host::kill::{
    Decision, DestroyAllError, Destroyed, ProbeRounds, Selection, destroy, is_supported,
};
use deadpeer_host::{Table, Target};
use deadpeer_report::record::KillSummary;
use deadpeer_sys::signals::Second;
use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// Destroy half-open connections, whose other end is gone
///
/// Asks the peer of every chosen connection first, by up to three keepalive probes, and destroys what nobody answers
/// for: its program finds out at once, by the error ECONNABORTED of its pending or next call, instead of in minutes,
/// hours or never. A connection whose peer answered, or could not be asked, is left alone unless forced. Shows what would be done, and asks.
///
/// Takes CAP_NET_ADMIN to destroy and, to ask, CAP_SYS_PTRACE or the same user; a kernel with CONFIG_INET_DIAG_DESTROY.
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
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long, short = 'y', conflicts_with = "dry_run")]
    yes: bool,
    /// Print JSON lines, see schemas/kill.json and schemas/kill_summary.json
    #[arg(long)]
    json: bool,
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

/// Looks, asks the peers, shows, asks you, destroys, looks again.
pub(crate) fn run(args: &KillArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    if !args.filters.is_given() {
        return Err(Stop::because(
            "which connections? Name them by a filter such as --process, --port or --peer, or say --all (nothing was changed)",
        ));
    }
    let consent = Consent::of(args.dry_run, args.yes)?;
    let filter = args.filters.filter()?;
    let namespace = args.filters.namespace();
    let mut table = Table::open(&namespace).map_err(|error| args.filters.cannot_open(&error))?;
    if !is_supported(&namespace).map_err(|error| refused(&error))? {
        return Err(Stop::because(
            "this kernel cannot destroy connections: it was built without CONFIG_INET_DIAG_DESTROY (nothing was changed)",
        ));
    }
    let selection = args.selection();
    let (mut targets, coverage) =
        Target::all(&mut table, &filter).map_err(|error| Stop::from_error(&error))?;
    let inode = table.namespace();
    drop(table);
    targets.retain(|target| selection.means(target));
    if targets.is_empty() {
        say_hidden(&coverage, args.json, look, out)?;
        return nothing(args, look, out);
    }
    progress(&targets);
    // Options of a connection that is being asked are borrowed: no signal may end this before they are given back.
    let interruption = interruption(Second::Ends)?;
    let lent = lending::on_record(inode, &targets, args.json, look, out)?;
    let mut rounds = ProbeRounds::new(&targets, Instant::now());
    let Ok(ended) = drive(&mut rounds, Some(&interruption), |_, _| ());
    let decisions = rounds.decisions(args.force);
    drop(rounds);
    drop(lent);
    let interrupted = ended == Ended::Interrupted || interruption.came();
    drop(interruption);
    if interrupted {
        return Err(Stop::because("interrupted (nothing was destroyed)"));
    }
    table::show(args.json, &targets, &decisions, look, out)?;
    table::gaps(args.json, &targets, &decisions, &coverage, look, out)?;
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
    if doomed.is_empty() || !consent.to(&question)? {
        return undone(args, consent, doomed.len() as u64, unknown, look, out);
    }
    let done = destroy(&namespace, &doomed).map_err(|error| refused(&error))?;
    match args.json {
        true => line(out, &KillSummary::from(&done))?,
        false => told(&done, look, out)?,
    }
    Ok(match (done.still_there, &done.refused) {
        (0, None) => Exit::Fine,
        _ => Exit::Over,
    })
}

impl KillArgs {
    fn selection(&self) -> Selection {
        match self.silent_for {
            Some(time) => Selection::SilentFor(time),
            None if self.unreachable => Selection::Unreachable,
            None => Selection::AllMatching,
        }
    }
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

fn nothing(args: &KillArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    match args.json {
        true => line(out, &KillSummary::from(&Destroyed::default()))?,
        false => {
            let filters = args.filters.to_string();
            let silent = args.silent_for.map_or_else(String::new, |time| {
                format!(" and has been silent for {}", duration::typed(time))
            });
            let said = match filters.is_empty() {
                true if silent.is_empty() => "There is no open connection.".to_owned(),
                true => format!("No open connection{}.", silent.replacen(" and", "", 1)),
                false => format!("No open connection matches {}{silent}.", sanitize(&filters)),
            };
            paragraph(out, look, style::NOTE, "", "", &said)?;
        }
    }
    Ok(Exit::Unknown)
}

/// Ends where nothing is destroyed.
fn undone(
    args: &KillArgs,
    consent: Consent,
    doomed: u64,
    unknown: bool,
    look: Look,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    match args.json {
        true => line(out, &KillSummary::from(&Destroyed::default()))?,
        false => {
            let said = match (consent, doomed) {
                (_, 0) => "Nothing was destroyed.".to_owned(),
                (Consent::Rehearse, n) => {
                    format!(
                        "{} would be destroyed; nothing was.",
                        plural(n, "connection")
                    )
                }
                (Consent::Given | Consent::Ask, _) => "Nothing was destroyed.".to_owned(),
            };
            paragraph(out, look, style::PLAIN, "", "", &said)?;
        }
    }
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
