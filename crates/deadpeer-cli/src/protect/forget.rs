//! `deadpeer protect --forget`: takes undo files away without undoing anything.

use std::io::Write;

use deadpeer_host::undo::{Left, UndoFile, boot_id};
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize;

use super::list;
use super::request::{Forget, Forgotten};
use crate::confirm::Consent;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::text::style;

/// Forgets one file, or all of which nothing is left.
pub(super) fn run(request: &Forget, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let boot = boot_id().map_err(|error| Stop::because(format!("read boot_id: {error}")))?;
    let (files, unread) = match &request.which {
        Forgotten::File(path) => (vec![UndoFile::read(path)?], false),
        Forgotten::Gone => {
            let journal = list::journal()?;
            output.gaps(out, journal.gaps())?;
            (journal.files, !journal.unreadable.is_empty())
        }
    };
    let none = files.is_empty();
    let left = Left::of(&files, &boot);
    let only_gone = request.which == Forgotten::Gone;
    let mut forgotten = 0;
    let mut unknown = unread;
    for (file, left) in files.into_iter().zip(left) {
        let over = left.is_over(&file);
        if only_gone && !over {
            unknown |= left == Left::Unknown;
            continue;
        }
        let path = sanitize(&file.path().display().to_string()).into_owned();
        if !over {
            out.flush()?;
            let question = format!(
                "Forget {path}? {} that it changed keep their current settings, and the earlier ones are lost.",
                match left {
                    Left::Sockets(sockets) => plural(sockets, "socket"),
                    Left::EarlierBoot | Left::NamespaceGone | Left::Unknown => "Sockets".to_owned(),
                }
            );
            if request.consent == Consent::Ask && !request.consent.to(&question)? {
                output.say(out, style::PLAIN, "Nothing was forgotten.")?;
                return Ok(Exit::No);
            }
        }
        let rehearsed = request.consent == Consent::Rehearse;
        let record = file.to_forgotten(left, !rehearsed);
        if !rehearsed {
            file.remove()?;
        }
        forgotten += 1;
        let said = || match rehearsed {
            true => format!("{path} would be forgotten."),
            false => format!("{path} is forgotten."),
        };
        output.tell(out, || record, style::PLAIN, said)?;
    }
    if forgotten == 0 {
        let said = match (unknown, none) {
            (true, _) => "No undo file is known to have nothing left to undo.",
            (false, false) => "Every undo file still has something to undo.",
            (false, true) => "There are no undo files.",
        };
        output.say(out, style::PLAIN, said)?;
    }
    Ok(match unknown {
        true => Exit::Unknown,
        false => Exit::Yes,
    })
}
