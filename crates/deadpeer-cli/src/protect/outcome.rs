//! What came of it, in words and for scripts.

use std::io::Write;

use deadpeer_host::protect::{Fate, Outcome, Step, Survey};
use deadpeer_host::undo::{SysctlChange, UndoFile};
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize;

use super::request::Change;
use super::sysctl;
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// Shows what was changed, what could not be, and the way back.
pub(super) fn show(
    request: &Change,
    done: &Outcome,
    undo: &UndoFile,
    blind: Option<&str>,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut say = |style, text: String| paragraph(out, look, style, "", "  ", &text);
    let connections = done.changed - done.listeners;
    let style = match exit(done) {
        Exit::Yes => style::GOOD,
        Exit::No | Exit::Error | Exit::Unknown | Exit::Interrupted => style::NOTE,
    };
    say(
        style,
        format!(
            "{} and {} now notice a vanished peer within {}{}, read back{}.",
            plural(connections, "connection"),
            plural(done.listeners, "listener"),
            request.goal.within(),
            match done.left.armed_ahead.connections {
                0 => String::new(),
                ahead => format!(
                    ", except where a retransmission is awaited already ({})",
                    plural(ahead, "connection")
                ),
            },
            match blind {
                None => " from within the kernel (eBPF)",
                Some(_) => " through their owners' descriptors",
            }
        ),
    )?;
    for change in &undo.record().sysctls {
        say(
            style::PLAIN,
            format!("{} was set.", sysctl::was_set(change)),
        )?;
    }
    if let Some(why) = blind {
        say(
            style::FAINT,
            format!("Connections that wait to be accepted can't be changed without eBPF ({why})."),
        )?;
    }
    if done.gone > 0 {
        say(
            style::PLAIN,
            format!(
                "{} closed before being changed.",
                plural(done.gone, "socket")
            ),
        )?;
    }
    for (failure, count) in &done.failed {
        say(
            style::NOTE,
            format!("{} left unchanged: {}.", plural(*count, "socket"), failure),
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
    request: &Change,
    survey: &Survey,
    sysctl: Option<&SysctlChange>,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let record = || survey.to_record(request.goal.within_ms());
    let (style, text) = match survey.changes() as u64 {
        0 if survey.parts.is_empty() => (style::NOTE, request.chosen.nothing()),
        n if let Some(change) = sysctl => (
            style::PLAIN,
            format!(
                "{} would be set and {} changed; nothing was.",
                sysctl::to_set(change),
                plural(n, "socket")
            ),
        ),
        0 => (style::PLAIN, "Nothing was changed.".to_owned()),
        n => (
            style::PLAIN,
            format!("{} would be changed; nothing was.", plural(n, "socket")),
        ),
    };
    output.tell(out, record, style, || text)?;
    Ok(exit_of(survey, true))
}

/// Ends where it would cost live connections; why has been said.
pub(super) fn refused(
    request: &Change,
    survey: &Survey,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    if let Output::Json = output {
        line(out, &survey.to_record(request.goal.within_ms()))?;
    }
    Ok(Exit::No)
}

/// Ends where the answer was no.
pub(super) fn declined(output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    output.say(out, style::PLAIN, "Nothing was changed.")?;
    Ok(Exit::No)
}

/// The answer for scripts.
pub(super) fn exit(done: &Outcome) -> Exit {
    match done.failed.is_empty() {
        true => exit_of(&done.left, false),
        false => Exit::No,
    }
}

/// What a survey comes to; what could be changed counts as changed in a rehearsal.
fn exit_of(survey: &Survey, rehearsal: bool) -> Exit {
    let misses = |fate: &Fate| match fate {
        Fate::Judged(Step::Change(change)) => !(rehearsal && change.keeps),
        Fate::Judged(Step::KeptForApplication | Step::Helpless | Step::Overwritten)
        | Fate::CloseWait => true,
        Fate::Judged(_) | Fate::Supervised | Fate::Unseen(_) => false,
    };
    let unseen = |fate: &Fate| matches!(fate, Fate::Unseen(_) | Fate::Supervised);
    match () {
        () if !survey.overwriting.is_empty() || survey.armed_ahead.connections > 0 => Exit::No,
        () if survey.count(misses) > 0 => Exit::No,
        () if survey.count(unseen) > 0 || survey.parts.is_empty() => Exit::Unknown,
        () if !survey.coverage.hidden_processes.is_empty() => Exit::Unknown,
        // What its program sets on connections after accept() has yet to be seen.
        () if survey.nothing_accepted.listeners > 0 => Exit::Unknown,
        () => Exit::Yes,
    }
}
