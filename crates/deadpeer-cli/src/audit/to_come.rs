//! Connections still to come, where `deadpeer protect` has changed all those that would show what
//! they get.

use deadpeer_core::Policy;
use deadpeer_host::protect::{Aim, Survey};
use deadpeer_host::undo::{Journal, default_directory};
use deadpeer_report::Gap;

use super::Request;
use crate::exit::Stop;

/// What programs had set themselves on the connections that keep the deadline by `protect` alone.
/// Reads the tables of those namespaces once more in which something was protected.
pub(super) fn not_shown_yet(request: &Request) -> Result<Vec<Gap>, Stop> {
    let Some(within) = request.within else {
        return Ok(Vec::new());
    };
    // Who may not read it has changed nothing either.
    let journal = Journal::read(&default_directory()).unwrap_or_default();
    let protected = journal.protected();
    if protected.is_empty() {
        return Ok(Vec::new());
    }
    let filter = &request.chosen.filter;
    let mut tables = request.open()?;
    let mut gaps = Vec::new();
    for number in protected {
        let Some(table) = tables.of(number) else {
            continue;
        };
        // A deadline that no options keep is no protect's.
        let Ok(aim) = Aim::new(&Policy::detect_within(within), table.kernel()) else {
            continue;
        };
        let aim = aim.knowing(&journal);
        let survey = Survey::take(table, filter, &aim)?;
        gaps.extend(survey.not_shown_yet());
    }
    Ok(gaps)
}
