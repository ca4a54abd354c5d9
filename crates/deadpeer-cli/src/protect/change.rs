//! Changing open connections and listeners: look, show, ask, record, change, look again.

use std::io::Write;
use std::time::Instant;

use deadpeer_host::Table;
use deadpeer_host::protect::{CarryOut, CarryOutError, Survey, backlog};
use deadpeer_host::undo::{Journal, Record, UndoFile, boot_id, default_directory};
use deadpeer_report::Gap;
use deadpeer_report::plural::plural;

use super::request::Change;
use super::{burst, list, outcome, plan, sysctl};
use crate::alone::alone;
use crate::confirm::Consent;
use crate::drive::{Ended, drive};
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::table_args::use_bpf;

/// Brings what is chosen under the deadline.
pub(super) fn run(request: &Change, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let filter = &request.chosen.filter;
    let namespace = &request.chosen.namespace;
    let rehearsal = request.consent == Consent::Rehearse;
    let held = (!rehearsal).then(|| alone(namespace)).transpose()?;
    let mut table = request.chosen.open()?;
    let blind = use_bpf(request.bpf, &mut table);
    // Who only looks needs no directory of their own.
    let known = match list::journal() {
        Err(_) if rehearsal => Journal::default(),
        known => known?,
    };
    let aim = match request.goal.aim(table.kernel()) {
        Ok(aim) => aim.close_wait(request.close_wait).knowing(&known),
        Err(refusal) => return plan::refused(&refusal, true, output, out),
    };
    let survey =
        Survey::take(&mut table, filter, &aim).map_err(|error| Stop::from_error(&error))?;
    plan::show(request, &aim, &survey, output, out)?;
    let sysctl = aim.sysctl().filter(|_| !survey.parts.is_empty());
    if request.sysctl && !survey.parts.is_empty() {
        sysctl::show(&aim, &table, output, out)?;
    }
    output.gaps(out, plan::out_of_reach(&survey, blind.as_deref()))?;
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
    let set = (sysctl.as_ref())
        .map(|change| format!("Set {} for everybody, and change", sysctl::to_set(change)));
    let question = format!(
        "{} {}? Current values will be saved to {}.",
        set.as_deref().unwrap_or("Change"),
        plural(survey.changes() as u64, "socket"),
        undo.path().display()
    );
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
    let waiting = burst::Waiting::begin(burst.as_ref())?;
    let now = Instant::now();
    let mut change = CarryOut::new(survey, &mut table, filter, &aim, &mut undo, backlog(), now);
    let ended = drive(&mut change, waiting.interruption(), |change, now| {
        waiting.show(change.progress(now));
    });
    waiting.end();
    let done = match ended {
        Ok(Ended::Done) => Ok(change.into_outcome()),
        Ok(Ended::Interrupted) => Err(change.interrupted(Instant::now())),
        Err(error) => Err(error),
    };
    let done = done.map_err(|error| stopped(&error, &undo))?;
    match output {
        Output::Text(look) => outcome::show(request, &done, &undo, blind.as_deref(), look, out)?,
        Output::Json => line(out, &done.to_record(&undo, blind.as_deref()))?,
    }
    // What was said before is said again only where it became something else.
    let since = done
        .left
        .promises_not_kept()
        .filter(|gap| !not_kept.contains(gap));
    output.gaps(out, since)?;
    Ok(outcome::exit(&done))
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
    let (CarryOutError::Record(_) | CarryOutError::Read(_) | _) = error;
    match undo.is_written() {
        false => Stop::because(format!("{error} (nothing was changed)")),
        true => Stop::because(format!(
            "{error}; what was changed so far is undone by: deadpeer protect --undo {}",
            undo.path().display()
        )),
    }
}
