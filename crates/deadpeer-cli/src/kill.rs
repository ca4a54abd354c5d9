//! `deadpeer kill`: destroys half-open connections.

mod outcome;
mod request;
mod table;

pub(crate) use request::{KillArgs, Request};

use std::io::{IsTerminal as _, Write};
use std::time::Instant;

use deadpeer_host::kill::{
    Decision, DestroyAllError, Destroyed, ProbeRounds, destroy_everywhere, is_supported, rehearse,
};
use deadpeer_host::{Namespace, Target};
use deadpeer_report::plural::plural;
use deadpeer_report::record::KillSummary;
use deadpeer_sys::signals::Second;

use crate::confirm::Consent;
use crate::drive::{Ended, drive, interruption};
use crate::exit::{Exit, Stop, sentence_of};
use crate::gaps;
use crate::lending::Lending;
use crate::open_files;
use crate::output::{Output, line};
use crate::ping::announce;
use crate::text::style;

/// Looks, asks the peers, shows, asks you, destroys, looks again.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    open_files::raise_limit();
    let mut tables = request.chosen.open_all()?;
    if !is_supported(&Namespace::Own).map_err(|error| refused(&error))? {
        return Err(Stop::because(
            "this kernel cannot destroy connections: it was built without CONFIG_INET_DIAG_DESTROY (nothing was changed)",
        ));
    }
    let (mut targets, coverage) = Target::all(&mut tables, &request.chosen.filter)?;
    drop(tables);
    targets.retain(|target| request.selection.means(target));
    if targets.is_empty() {
        output.gaps(out, coverage.left_out(gaps::privilege()))?;
        let done = Destroyed::default();
        output.tell(
            out,
            || KillSummary::from(&done),
            style::NOTE,
            || outcome::nothing(request),
        )?;
        return Ok(Exit::Unknown);
    }
    if request.consent == Consent::Rehearse {
        let decisions = rehearse(&targets, request.force);
        table::show(&targets, &decisions, output, out)?;
        output.gaps(out, table::unasked(&targets, &decisions, &coverage))?;
        let hidden = !coverage.is_whole();
        return outcome::rehearsed(&targets, &decisions, hidden, output, out);
    }
    let endings_allowed = risk_is_taken(request.consent, &targets, output, out)?;
    progress(&targets);
    let rounds = ProbeRounds::new(&targets, Instant::now()).allow_endings(endings_allowed);
    let decisions = ask(rounds, &targets, request.force, output, out)?;
    table::show(&targets, &decisions, output, out)?;
    output.gaps(out, table::unasked(&targets, &decisions, &coverage))?;
    let doomed = doomed(&targets, &decisions);
    let unknown = decisions
        .iter()
        .any(|decision| matches!(decision, Decision::Unknown(_)))
        || !coverage.is_whole();
    out.flush()?;
    let question = format!(
        "Destroy {}? {}",
        plural(doomed.len() as u64, "connection"),
        outcome::programs_get(&doomed)
    );
    let ended = decisions
        .iter()
        .filter(|decision| matches!(decision, Decision::EndedByQuestion))
        .count() as u64;
    if doomed.is_empty() || !request.consent.to(&question)? {
        return outcome::undone(ended, doomed.len() as u64, unknown, output, out);
    }
    let done = destroy_everywhere(&doomed).map_err(|error| refused(&error))?;
    match output {
        Output::Text(look) => outcome::told(&done, ended, look, out)?,
        Output::Json => line(out, &outcome::summary(&done, ended))?,
    }
    Ok(match (done.still_there, &done.refused) {
        (0, None) => Exit::Yes,
        _ => Exit::No,
    })
}

/// Those that are to be destroyed.
fn doomed<'t>(targets: &'t [Target], decisions: &[Decision]) -> Vec<&'t Target> {
    targets
        .iter()
        .zip(decisions)
        .filter(|(_, decision)| decision.destroys())
        .map(|(target, _)| target)
        .collect()
}

/// Asks the peers, and waits for their answers.
fn ask(
    mut rounds: ProbeRounds<'_>,
    targets: &[Target],
    force: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<Vec<Decision>, Stop> {
    // While a peer is being asked, options of its connection are changed: no signal may end this
    // before they are restored.
    let interruption = interruption(Second::Ends)?;
    let lending = Lending::begin(targets, output, out)?;
    let Ok(ended) = drive(&mut rounds, Some(&interruption), |_, _| ());
    let decisions = rounds.decisions(force);
    drop(rounds);
    lending.end(output, out)?;
    match ended == Ended::Interrupted || interruption.came() {
        true => Err(Stop::interrupted("interrupted (nothing was destroyed)")),
        false => Ok(decisions),
    }
}

/// Whether connections are asked that the question could end. That is said before anything is sent.
fn risk_is_taken(
    consent: Consent,
    targets: &[Target],
    output: Output,
    out: &mut impl Write,
) -> Result<bool, Stop> {
    announce(targets, true, output, out)?;
    let needed = |target: &&Target| target.risk.is_some_and(|risk| risk.takes_leave());
    match targets.iter().filter(needed).count() as u64 {
        0 => Ok(true),
        some => consent.to(&format!(
            "Ask the peers of {}, although the probe would end most of them?",
            plural(some, "connection")
        )),
    }
}

/// Asking takes seconds, and somebody waits.
fn progress(targets: &[Target]) {
    if std::io::stderr().is_terminal() {
        let connections = plural(targets.len() as u64, "connection");
        remark!("asking the peers of {connections}, up to three times each");
    }
}

fn refused(error: &DestroyAllError) -> Stop {
    Stop::because(format!("{} (nothing was destroyed)", sentence_of(error)))
}
