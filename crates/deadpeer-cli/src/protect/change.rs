//! Changing open connections and listeners: look, show, ask, record, change, look again.

use std::io::Write;
use std::time::Instant;

use deadpeer_host::protect::{CarryOut, CarryOutError, Outcome, Survey, backlog};
use deadpeer_host::undo::{Journal, Record, SysctlChange, UndoFile, boot_id, default_directory};
use deadpeer_host::{Netns, Table};
use deadpeer_report::Gap;
use deadpeer_report::plural::plural;

use super::request::Change;
use super::{burst, list, outcome, plan, sysctl};
use crate::alone::alone;
use crate::confirm::Consent;
use crate::drive::{Ended, drive};
use crate::exit::{Exit, Stop};
use crate::gaps;
use crate::open_files;
use crate::output::{Output, line};
use crate::table_args::use_bpf_everywhere;

/// Brings what is chosen under the deadline, one network namespace after the other: each has its
/// sysctls, its undo file and its question.
pub(super) fn run(request: &Change, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    open_files::raise_limit();
    let mut tables = request.chosen.open_all()?;
    let blind = use_bpf_everywhere(request.bpf, &mut tables);
    let kernel = tables.kernel();
    let (tables, coverage) = tables.with_any(&request.chosen.filter)?;
    let left_out = (!coverage.is_whole()).then_some(Exit::Unknown);
    output.gaps(out, coverage.left_out(gaps::privilege()))?;
    if request.undo_file.is_some() && tables.len() > 1 {
        return Err(Stop::because(
            "--undo-file is for one network namespace, and these connections are in several: name one by --netns (nothing was changed)",
        ));
    }
    if tables.is_empty() {
        return match request.goal.aim(&kernel) {
            Ok(_) => outcome::nothing_done(request, &Survey::default(), None, output, out),
            Err(refusal) => plan::refused(&refusal, true, output, out),
        };
    }
    // Each by the descriptor that was kept of it: who showed it may have ended meanwhile.
    let mut exits = Vec::new();
    for (netns, table) in tables {
        let blind = blind.as_deref();
        exits.push(change(request, &netns, table, blind, output, out)?);
    }
    let exits = exits.into_iter().chain(left_out);
    Ok(exits.reduce(Exit::worse).unwrap_or(Exit::Unknown))
}

/// The same in one of them.
fn change(
    request: &Change,
    netns: &Netns,
    mut table: Table,
    blind: Option<&str>,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let filter = &request.chosen.filter;
    let namespace = &netns.way;
    let rehearsal = request.consent == Consent::Rehearse;
    let held = (!rehearsal).then(|| alone(namespace)).transpose()?;
    // Who only looks needs no directory of their own.
    let known = match list::journal() {
        Err(_) if rehearsal => Journal::default(),
        known => known?,
    };
    let aim = match request.goal.aim(table.kernel()) {
        Ok(aim) => aim.close_wait(request.close_wait).knowing(&known),
        Err(refusal) => return plan::refused(&refusal, true, output, out),
    };
    let survey = Survey::take(&mut table, filter, &aim)?;
    plan::show(request, netns, &aim, &survey, output, out)?;
    let sysctl = aim.sysctl().filter(|_| !survey.parts.is_empty());
    if request.sysctl && !survey.parts.is_empty() {
        sysctl::show(&aim, &table, output, out)?;
    }
    output.gaps(out, plan::out_of_reach(&survey, blind))?;
    let not_kept: Vec<Gap> = survey.promises_not_kept().collect();
    output.gaps(out, not_kept.iter().cloned())?;
    let burst = survey.burst(backlog(), table.kernel().hz);
    if let Some(burst) = &burst {
        let gap = burst::gap(burst, &survey, request.force);
        let refused = gap.is_refusal();
        output.gaps(out, [gap])?;
        if refused {
            return outcome::refused(request, &survey, output, out);
        }
    }
    if survey.changes() == 0 && sysctl.is_none() || rehearsal {
        return outcome::nothing_done(request, &survey, sysctl.as_ref(), output, out);
    }
    let mut undo = undo_file(request, &table)?;
    out.flush()?;
    let question = question(&survey, sysctl.as_ref(), &undo);
    // Nobody has to wait for the answer. What changes meanwhile is noticed, socket by socket.
    let held = held.filter(|_| request.consent == Consent::Given);
    if !request.consent.to(&question)? {
        return outcome::declined(output, out);
    }
    let _held = match held {
        Some(held) => held,
        None => alone(namespace)?,
    };
    if let Some(change) = &sysctl {
        change
            .carry_out(&table, &mut undo)
            .map_err(|error| Stop::because(format!("{error} (nothing was changed)")))?;
    }
    let now = Instant::now();
    let change = CarryOut::new(survey, &mut table, filter, &aim, &mut undo, backlog(), now);
    let done = carry_out(change)?.map_err(|error| stopped(&error, &undo))?;
    match output {
        Output::Text(look) => outcome::show(request, &done, &undo, blind, look, out)?,
        Output::Json => line(out, &done.to_record(&undo, blind))?,
    }
    // What was said before is said again only where it became something else.
    let since = done
        .left
        .promises_not_kept()
        .filter(|gap| !not_kept.contains(gap));
    output.gaps(out, since)?;
    Ok(outcome::exit(&done))
}

fn question(survey: &Survey, sysctl: Option<&SysctlChange>, undo: &UndoFile) -> String {
    let set =
        sysctl.map(|change| format!("Set {} for everybody, and change", sysctl::to_set(change)));
    format!(
        "{} {}? Current values will be saved to {}.",
        set.as_deref().unwrap_or("Change"),
        plural(survey.changes() as u64, "socket"),
        undo.path().display()
    )
}

/// Waits while it is done. A burst can be interrupted.
fn carry_out(mut change: CarryOut<'_>) -> Result<Result<Outcome, CarryOutError>, Stop> {
    let waiting = burst::Waiting::begin()?;
    let ended = drive(&mut change, Some(waiting.interruption()), |change, now| {
        waiting.show(change.progress(now));
    });
    waiting.end();
    Ok(match ended {
        Ok(Ended::Done) => Ok(change.into_outcome()),
        Ok(Ended::Interrupted) => Err(change.interrupted(Instant::now())),
        Err(error) => Err(error),
    })
}

fn undo_file(request: &Change, table: &Table) -> Result<UndoFile, Stop> {
    let boot = boot_id().map_err(|error| Stop::because(format!("read boot_id: {error}")))?;
    let record = Record::new(boot, table.namespace(), Some(request.goal.within_ms()));
    let file = match &request.undo_file {
        Some(path) => {
            UndoFile::at(path.clone(), record).map(|file| file.noted_in(&default_directory()))
        }
        None => UndoFile::in_directory(&default_directory(), record),
    };
    file.map_err(|error| Stop::because(format!("{error} (nothing was changed)")))
}

fn stopped(error: &CarryOutError, undo: &UndoFile) -> Stop {
    let so_far = match undo.is_written() {
        false => format!("{error} (nothing was changed)"),
        true => format!(
            "{error}; what was changed so far is undone by: deadpeer protect --undo {}",
            undo.path().display()
        ),
    };
    match matches!(error, CarryOutError::Interrupted { .. }) {
        true => Stop::interrupted(so_far),
        false => Stop::because(so_far),
    }
}
