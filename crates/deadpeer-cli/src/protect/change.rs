//! Changing open connections and listeners: look, show, ask, record, change, look again.

use super::args::ProtectArgs;
use super::{burst, outcome, plan};
use crate::confirm::Consent;
use crate::drive::{Ended, drive};
use crate::exit::{Exit, Stop};
use crate::json::line;
use crate::text::duration;
use crate::text::plural::plural;
use crate::text::sanitize::sanitize;
use crate::text::table::Look;
use deadpeer_host::Table;
use deadpeer_host::protect::{CarryOut, CarryOutError, Survey, backlog};
use deadpeer_host::undo::{Record, UndoFile, boot_id, default_directory};
use std::io::Write;
use std::time::Instant;

/// Brings what is chosen under the deadline.
pub(super) fn run(args: &ProtectArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    args.require_filter()?;
    let consent = Consent::of(args.dry_run, args.yes)?;
    let filter = args.filters.filter()?;
    let mut table =
        Table::open(&args.filters.namespace()).map_err(|error| args.filters.cannot_open(&error))?;
    let blind = use_bpf(args, &mut table);
    let aim = match args.aim(table.kernel()) {
        Ok(aim) => aim,
        Err(refusal) => return plan::refused(args, &refusal, look, out),
    };
    let survey =
        Survey::take(&mut table, &filter, &aim).map_err(|error| Stop::from_error(&error))?;
    plan::show(args, &aim, &survey, look, out)?;
    plan::out_of_reach(args, &survey, blind.as_deref(), look, out)?;
    let burst = burst::among(&survey, &table);
    if let Some(burst) = &burst
        && !burst::may_be_changed(args, &survey, burst, look, out)?
    {
        return outcome::refused(args, &survey, out);
    }
    if survey.changes() == 0 || consent == Consent::Rehearse {
        return outcome::nothing_done(args, &survey, look, out);
    }
    let mut undo = undo_file(args, &table)?;
    out.flush()?;
    let question = format!(
        "Change {}? What is there now goes to {}.",
        plural(survey.changes() as u64, "socket"),
        undo.path().display()
    );
    if !consent.to(&question)? {
        return outcome::declined(args, look, out);
    }
    let waiting = burst::Waiting::begin(burst.as_ref())?;
    let now = Instant::now();
    let mut change = CarryOut::new(survey, &mut table, &filter, &aim, &mut undo, backlog(), now);
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
    match args.json {
        true => line(out, &done.to_record(&undo, blind.as_deref()))?,
        false => outcome::show(args, &done, &undo, blind.as_deref(), look, out)?,
    }
    Ok(outcome::exit(&done))
}

/// Uses eBPF where it can be had, and says why if it can't.
pub(super) fn use_bpf(args: &ProtectArgs, table: &mut Table) -> Option<String> {
    if args.no_bpf {
        return Some("--no-bpf".to_owned());
    }
    table
        .use_bpf()
        .err()
        .map(|error| sanitize(&error.to_string()).into_owned())
}

fn undo_file(args: &ProtectArgs, table: &Table) -> Result<UndoFile, Stop> {
    let boot = boot_id().map_err(|error| Stop::because(format!("read boot_id: {error}")))?;
    let record = Record::new(boot, table.namespace(), Some(args.within_ms()));
    let file = match &args.undo_file {
        Some(path) => UndoFile::at(path.clone(), record),
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

/// The deadline as it was typed.
pub(super) fn within(args: &ProtectArgs) -> String {
    duration::typed(args.within.unwrap_or_default())
}
