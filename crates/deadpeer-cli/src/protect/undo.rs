//! `deadpeer protect --undo FILE`.

use std::io::Write;
use std::path::Path;

use deadpeer_host::undo::{Restored, UndoFile, Undoing, boot_id, restore};
use deadpeer_host::{AllNetns, Namespace, OpenTableError, Table};
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize;
use deadpeer_sys::signals::Second;

use super::request::Undo;
use super::{list, sysctl};
use crate::alone::alone;
use crate::audit::words::SettingsWords;
use crate::confirm::Consent;
use crate::drive::interruption;
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::table_args::use_bpf;
use crate::text::look::Look;
use crate::text::paragraph::{counted, paragraph};
use crate::text::style;
use crate::text::table::{Column, Table as TextTable};

/// Shows what would be put back, does it, and takes the file away if nothing is left to be undone.
pub(super) fn run(request: &Undo, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let path = request.file.as_path();
    let read =
        || -> Result<UndoFile, Stop> { Ok(list::journal()?.with_note(UndoFile::read(path)?)) };
    let mut file = read()?;
    if !is_of_this_boot(&file)? {
        // None of its sockets is there any more.
        let restored = Restored {
            gone: file.record().sockets() as u64,
            ..Restored::default()
        };
        return end(request, file, &restored, output, out);
    }
    let (way, mut table) = table(request, &file)?;
    let foreseen = undo(&mut file, &mut table, Undoing::Rehearsed)?;
    if let Output::Text(look) = output {
        returning(&foreseen, look, out)?;
    }
    if request.consent == Consent::Rehearse {
        return end(request, file, &foreseen, output, out);
    }
    out.flush()?;
    let question = format!("Restore {}?", everything(&file, &foreseen));
    if !request.consent.to(&question)? {
        output.say(out, style::PLAIN, "Nothing was changed.")?;
        return Ok(Exit::No);
    }
    let _alone = alone(&way)?;
    // No signal may end this halfway.
    let _interruption = interruption(Second::Ends)?;
    // Others may have written since.
    file = read()?;
    let restored = undo(&mut file, &mut table, Undoing::InEarnest)?;
    end(request, file, &restored, output, out)
}

fn undo(file: &mut UndoFile, table: &mut Table, undoing: Undoing) -> Result<Restored, Stop> {
    let mut journal = list::journal()?;
    Ok(restore(file, &mut journal, table, undoing)?)
}

fn end(
    request: &Undo,
    file: UndoFile,
    restored: &Restored,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let path = request.file.as_path();
    let done = request.consent != Consent::Rehearse;
    match output {
        Output::Text(_) if list::is_empty(&file) && restored.handed_to.is_empty() => {
            output.say(out, style::PLAIN, "Nothing was left to undo.")?;
        }
        Output::Text(look) => show(restored, done, look, out)?,
        Output::Json => line(out, &restored.to_record(path, done))?,
    }
    if !restored.is_complete() {
        let said = format!("{} is kept, so you can try again.", shown(path));
        output.say(out, style::NOTE, &said)?;
        return Ok(Exit::No);
    }
    match done {
        true => file.remove()?,
        false => {
            let what = everything(&file, restored);
            let said = format!("Would restore {what}; nothing was changed.");
            output.say(out, style::PLAIN, &said)?;
        }
    }
    Ok(Exit::Yes)
}

const COLUMNS: [Column; 4] = [
    Column::program("PROCESS"),
    Column::number("SOCKETS"),
    Column::text("NOW").fold(2),
    Column::text("BACK TO").fold(1),
];

/// What sockets have, and what they had before.
fn returning(restored: &Restored, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    if restored.returning.is_empty() {
        return Ok(());
    }
    let mut table = TextTable::new(&mut *out, look, &COLUMNS);
    for returning in &restored.returning {
        let noun = if returning.listeners {
            "listener"
        } else {
            "conn"
        };
        table.row(|row| {
            row.known(returning.process.as_deref().map(sanitize))
                .plain(plural(returning.count, noun))
                .plain(SettingsWords(&returning.now))
                .plain(SettingsWords(&returning.then));
        })?;
    }
    table.finish()?.write_all(b"\n")?;
    Ok(())
}

/// What is to be put back.
fn everything(file: &UndoFile, foreseen: &Restored) -> String {
    let sockets = plural(foreseen.restored, "socket");
    let settings = format!("the settings of {sockets}");
    let sysctls = file.record().sysctls.iter();
    sysctls.fold(settings, |text, change| {
        format!("{text}, and {} to {}", change.sysctl.name(), change.before)
    })
}

fn is_of_this_boot(file: &UndoFile) -> Result<bool, Stop> {
    let now = boot_id().map_err(|error| Stop::because(format!("read boot_id: {error}")))?;
    Ok(file.record().boot_id == now)
}

/// The table of the namespace that the file was written in.
fn table(request: &Undo, file: &UndoFile) -> Result<(Namespace, Table), Stop> {
    let wanted = file.record().network_namespace;
    let found = match &request.chosen.netns {
        Some(_) => None,
        None => {
            let all = AllNetns::find_with([wanted]);
            all.of(wanted).map(|netns| netns.way.clone())
        }
    };
    let way = found.unwrap_or_else(|| request.chosen.namespace.clone());
    let entered = way.keep().map_err(OpenTableError::from);
    let entered = entered.and_then(|way| Ok((Table::open(&way)?, way)));
    let (mut table, way) = entered.map_err(|error| request.chosen.not_entered(&error))?;
    match table.namespace() == wanted {
        true => {
            // Without it, through descriptors; what that does not reach is counted.
            use_bpf(request.bpf, &mut table);
            Ok((way, table))
        }
        false => Err(Stop::because(format!(
            "{} was written in another network namespace, net:[{wanted}]{} (nothing was changed)",
            shown(file.path()),
            match request.chosen.netns {
                Some(_) => "",
                None =>
                    ", which nothing leads to: if it is gone, so is what there was to undo, and --forget gone removes the file; else name it by --netns",
            }
        ))),
    }
}

fn show(restored: &Restored, done: bool, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let mut say = |style, count, text: &str| counted(out, look, style, (count, "socket"), text);
    let again = match done {
        true => "restored and read back.",
        false => "would be restored.",
    };
    say(style::GOOD, restored.restored, again)?;
    say(style::PLAIN, restored.unchanged, "already as before.")?;
    say(style::PLAIN, restored.gone, "closed in the meantime.")?;
    say(
        style::NOTE,
        restored.overtaken,
        "with an option that the program has set since; that option stays.",
    )?;
    say(
        style::NOTE,
        restored.own_now,
        "now with keepalive times of their own, equal to the earlier ones: if they followed a sysctl, they no longer do, because the kernel has no way back to that.",
    )?;
    say(
        style::NOTE,
        restored.later,
        "changed again later and therefore left alone. The later undo file now restores what this one would have:",
    )?;
    for file in &restored.handed_to {
        paragraph(out, look, style::NOTE, "", "  ", &shown(file))?;
    }
    let mut say = |style, count, text: &str| counted(out, look, style, (count, "socket"), text);
    for (why, count) in &restored.unreachable {
        say(
            style::NOTE,
            *count,
            &format!("not restored: {}.", why.reason()),
        )?;
    }
    say(
        style::NOTE,
        restored.refused,
        "not restored: the kernel refused.",
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
