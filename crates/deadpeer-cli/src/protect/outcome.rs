//! What came of it, in words and for scripts.

use super::args::ProtectArgs;
use super::change::within;
use crate::exit::{Exit, Stop};
use crate::json::line;
use crate::text::paragraph::paragraph;
use crate::text::plural::plural;
use crate::text::sanitize::sanitize;
use crate::text::style;
use crate::text::table::Look;
use deadpeer_host::protect::{Fate, Outcome, Step, Survey};
use deadpeer_host::undo::UndoFile;
use std::io::Write;

/// Shows what was changed, what could not be, and the way back.
pub(super) fn show(
    args: &ProtectArgs,
    done: &Outcome,
    undo: &UndoFile,
    blind: Option<&str>,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut say = |style, text: String| paragraph(out, look, style, "", "  ", &text);
    let connections = done.changed - done.listeners;
    let style = match exit(done) {
        Exit::Fine => style::GOOD,
        Exit::Over | Exit::Error | Exit::Unknown => style::NOTE,
    };
    say(
        style,
        format!(
            "{} and {} now notice a vanished peer within {}, read back{}.",
            plural(connections, "connection"),
            plural(done.listeners, "listener"),
            within(args),
            match blind {
                None => " from within the kernel (eBPF)",
                Some(_) => " through their owners' descriptors",
            }
        ),
    )?;
    if let Some(why) = blind {
        say(
            style::FAINT,
            format!("Without eBPF connections that wait to be accepted can't be changed ({why})."),
        )?;
    }
    if done.gone > 0 {
        say(
            style::PLAIN,
            format!(
                "{} closed before its turn came.",
                plural(done.gone, "socket")
            ),
        )?;
    }
    for (failure, count) in &done.failed {
        say(
            style::NOTE,
            format!("{} left as it was: {}.", plural(*count, "socket"), failure),
        )?;
    }
    if undo.is_written() {
        let path = undo.path().display().to_string();
        say(
            style::PLAIN,
            format!("To undo: deadpeer protect --undo {}", sanitize(&path)),
        )?;
    }
    Ok(())
}

/// Ends where nothing was to be changed, or only to be shown.
pub(super) fn nothing_done(
    args: &ProtectArgs,
    survey: &Survey,
    look: Look,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    if args.json {
        line(out, &survey.to_record(args.within_ms()))?;
        return Ok(exit_of(survey, true));
    }
    let (style, text) = match survey.changes() as u64 {
        0 if survey.parts.is_empty() => {
            let filters = args.filters.to_string();
            (
                style::NOTE,
                match filters.is_empty() {
                    true => "There is no TCP connection and no listener in this network namespace."
                        .to_owned(),
                    false => format!(
                        "No connection and no listener matches {}.",
                        sanitize(&filters)
                    ),
                },
            )
        }
        0 => (style::PLAIN, "Nothing was changed.".to_owned()),
        n => (
            style::PLAIN,
            format!("{} would be changed; nothing was.", plural(n, "socket")),
        ),
    };
    paragraph(out, look, style, "", "", &text)?;
    Ok(exit_of(survey, true))
}

/// Ends where it would cost live connections; why has been said.
pub(super) fn refused(
    args: &ProtectArgs,
    survey: &Survey,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    if args.json {
        line(out, &survey.to_record(args.within_ms()))?;
    }
    Ok(Exit::Over)
}

/// Ends where the answer was no.
pub(super) fn declined(args: &ProtectArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    if !args.json {
        paragraph(out, look, style::PLAIN, "", "", "Nothing was changed.")?;
    }
    Ok(Exit::Over)
}

/// The answer for scripts.
pub(super) fn exit(done: &Outcome) -> Exit {
    match done.failed.is_empty() {
        true => exit_of(&done.left, false),
        false => Exit::Over,
    }
}

/// What a survey comes to; what could be changed counts as changed in a rehearsal.
fn exit_of(survey: &Survey, rehearsal: bool) -> Exit {
    let misses = |fate: &Fate| match fate {
        Fate::Judged(Step::Change(change)) => !(rehearsal && change.keeps),
        Fate::Judged(Step::KeptForApplication | Step::Helpless) => true,
        Fate::Judged(_) | Fate::Unseen(_) | _ => false,
    };
    let unseen = |fate: &Fate| matches!(fate, Fate::Unseen(_));
    match () {
        () if survey.count(misses) > 0 => Exit::Over,
        () if survey.count(unseen) > 0 || survey.parts.is_empty() => Exit::Unknown,
        () if !survey.coverage.hidden_processes.is_empty() => Exit::Unknown,
        () => Exit::Fine,
    }
}
