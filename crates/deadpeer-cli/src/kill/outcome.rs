//! What came of it, in words and for scripts.

use std::io::Write;

use deadpeer_host::kill::{Destroyed, Selection};
use deadpeer_report::duration;
use deadpeer_report::plural::plural;
use deadpeer_report::record::KillSummary;

use super::request::Request;
use crate::confirm::Consent;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::text::look::Look;
use crate::text::paragraph::counted;
use crate::text::style;

/// That no connection is meant.
pub(super) fn nothing(request: &Request) -> String {
    let mut said = "No open connection".to_owned();
    let silent = match request.selection {
        Selection::SilentFor(time) => {
            Some(format!("has been silent for {}", duration::typed(time)))
        }
        Selection::Unreachable | Selection::AllMatching | _ => None,
    };
    match (request.chosen.is_filtered(), silent) {
        (false, None) => return "There is no open connection.".to_owned(),
        (false, Some(silent)) => said += &format!(" {silent}"),
        (true, None) => said += &format!(" matches {}", request.chosen.words()),
        (true, Some(silent)) => {
            said += &format!(" matches {} and {silent}", request.chosen.words());
        }
    }
    said + "."
}

/// Ends where nothing is destroyed.
pub(super) fn undone(
    consent: Consent,
    doomed: u64,
    unknown: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let said = || match (consent, doomed) {
        (Consent::Rehearse, 1..) => format!(
            "{} would be destroyed; nothing was.",
            plural(doomed, "connection")
        ),
        (Consent::Rehearse | Consent::Given | Consent::Ask, _) => {
            "Nothing was destroyed.".to_owned()
        }
    };
    let done = Destroyed::default();
    output.tell(out, || KillSummary::from(&done), style::PLAIN, said)?;
    Ok(match (consent, doomed) {
        (_, 0) if unknown => Exit::Unknown,
        (_, 0) | (Consent::Rehearse, _) => Exit::Yes,
        (Consent::Given | Consent::Ask, _) => Exit::No,
    })
}

/// What was destroyed, and what became of the others.
pub(super) fn told(done: &Destroyed, look: Look, out: &mut impl Write) -> Result<(), Stop> {
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
