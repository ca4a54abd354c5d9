//! Connections still to come, where `deadpeer protect` has changed all those that would show what
//! they get.

use deadpeer_core::Policy;
use deadpeer_host::protect::{Aim, Survey};
use deadpeer_host::undo::{Journal, default_directory};
use deadpeer_report::Gap;

use super::Request;
use crate::exit::Stop;

/// What programs had set themselves on the connections that keep the deadline by `protect` alone.
/// Reads the tables once more, and only where something of this machine is on record.
pub(super) fn not_shown_yet(request: &Request) -> Result<Vec<Gap>, Stop> {
    let Some(within) = request.within else {
        return Ok(Vec::new());
    };
    // Who may not read it has changed nothing either.
    let journal = Journal::read(&default_directory()).unwrap_or_default();
    if journal.files.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: &dyn std::error::Error| Stop::from_error(error);
    let filter = &request.chosen.filter;
    let (tables, _) = request
        .open()?
        .with_any(filter)
        .map_err(|error| failed(&error))?;
    let mut gaps = Vec::new();
    for (_, mut table) in tables {
        // A deadline that no options keep is no protect's.
        let Ok(aim) = Aim::new(&Policy::detect_within(within), table.kernel()) else {
            continue;
        };
        let aim = aim.knowing(&journal);
        let survey = Survey::take(&mut table, filter, &aim).map_err(|error| failed(&error))?;
        gaps.extend(survey.not_shown_yet());
    }
    Ok(gaps)
}
