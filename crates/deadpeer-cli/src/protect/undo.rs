//! `deadpeer protect --undo FILE`.

use std::io::Write;
use std::path::Path;

use deadpeer_host::Table;
use deadpeer_host::undo::{Restored, UndoFile, boot_id, restore};
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize;

use super::request::Undo;
use super::sysctl;
use crate::confirm::Consent;
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::table_args::use_bpf;
use crate::text::look::Look;
use crate::text::paragraph::{counted, paragraph};
use crate::text::style;

/// Puts back what the file says, and takes the file away if nothing is left to be undone.
pub(super) fn run(request: &Undo, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let path = request.file.as_path();
    let file = UndoFile::read(path).map_err(|error| Stop::from_error(&error))?;
    let restored = match is_of_this_boot(&file)? {
        true => {
            let mut table = table(request, &file)?;
            let what = everything(&file);
            out.flush()?;
            if !request.consent.to(&format!("Put back {what}?"))? {
                let (said, exit) = match request.consent {
                    Consent::Rehearse => (
                        format!("Would put back {what}; nothing was changed."),
                        Exit::Yes,
                    ),
                    Consent::Given | Consent::Ask => ("Nothing was changed.".to_owned(), Exit::No),
                };
                output.say(out, style::PLAIN, &said)?;
                return Ok(exit);
            }
            restore(file.record(), &mut table).map_err(|error| Stop::from_error(&error))?
        }
        // None of its sockets is there any more.
        false => {
            let mut restored = Restored::default();
            restored.gone = file.record().sockets() as u64;
            restored
        }
    };
    match output {
        Output::Text(look) => show(&restored, look, out)?,
        Output::Json => line(out, &restored.to_record(path))?,
    }
    if !restored.is_complete() {
        let said = format!("{} is kept: it can be tried again.", shown(path));
        output.say(out, style::NOTE, &said)?;
        return Ok(Exit::No);
    }
    if request.consent != Consent::Rehearse {
        file.remove().map_err(|error| Stop::from_error(&error))?;
    }
    Ok(Exit::Yes)
}

/// What the file knows.
fn everything(file: &UndoFile) -> String {
    let record = file.record();
    let sockets = plural(record.sockets() as u64, "socket");
    let settings = format!("the settings of up to {sockets}");
    let sysctls = record.sysctls.iter();
    sysctls.fold(settings, |text, change| {
        format!("{text}, and {} to {}", change.sysctl.name(), change.before)
    })
}

fn is_of_this_boot(file: &UndoFile) -> Result<bool, Stop> {
    let now = boot_id().map_err(|error| Stop::because(format!("read boot_id: {error}")))?;
    Ok(file.record().boot_id == now)
}

/// The table of the namespace that the file was written in.
fn table(request: &Undo, file: &UndoFile) -> Result<Table, Stop> {
    let mut table = request.chosen.open()?;
    let wanted = file.record().network_namespace;
    match table.namespace() == wanted {
        true => {
            // Without it, through descriptors; what that does not reach is counted.
            use_bpf(request.bpf, &mut table);
            Ok(table)
        }
        false => Err(Stop::because(format!(
            "{} was written in another network namespace, net:[{wanted}]; name it by --netns (nothing was changed)",
            shown(file.path())
        ))),
    }
}

fn show(restored: &Restored, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let mut say = |style, count, text: &str| counted(out, look, style, (count, "socket"), text);
    say(
        style::GOOD,
        restored.restored,
        "as before again, read back.",
    )?;
    say(style::PLAIN, restored.unchanged, "as before already.")?;
    say(style::PLAIN, restored.gone, "closed meanwhile.")?;
    say(
        style::NOTE,
        restored.overtaken,
        "with an option that its program has set since; that one stays.",
    )?;
    say(
        style::NOTE,
        restored.own_now,
        "with keepalive times of their own now, equal to those before: if they followed a sysctl, they no longer do, since the kernel has no way back to that.",
    )?;
    for (why, count) in &restored.unreachable {
        say(
            style::NOTE,
            *count,
            &format!("not put back: {}.", why.reason()),
        )?;
    }
    say(
        style::NOTE,
        restored.refused,
        "not put back: the kernel refused.",
    )?;
    for (change, fate) in &restored.sysctls {
        let (style, said) = sysctl::undone(change, fate);
        paragraph(out, look, style, "", "", &said)?;
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    sanitize(&path.display().to_string()).into_owned()
}
