//! What to write so that a program's own timeouts keep a deadline.

use std::time::Duration;

use deadpeer_core::Silence;

use crate::recipe::{Ends, OwnTimeout, Recipe};

/// What to write so that a timeout of the program's own keeps a deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnAdvice {
    /// What the recipe says of it.
    pub timeout: &'static OwnTimeout,
    /// The lines to write.
    pub lines: Vec<String>,
    /// When it ends a connection then.
    pub after: Duration,
}

impl OwnAdvice {
    /// Whether it ends every connection in this silence within the deadline then, whatever the
    /// client does.
    #[must_use]
    pub fn keeps(&self, silence: Silence, within: Duration) -> bool {
        self.timeout.covers(silence) && self.after <= within
    }
}

/// The timeouts of a program that can keep a deadline, and what to write.
pub(super) fn advise(recipe: &'static Recipe, within: Duration) -> Vec<OwnAdvice> {
    let can = recipe.telling().filter(|(_, ends)| !ends.lines.is_empty());
    let advice = can.filter_map(|(timeout, ends)| {
        let times = match ends.times {
            Some(_) => ends.times_default,
            None => 1,
        };
        // An answer has time for some retransmissions.
        let then = match ends.then {
            Some(_) => Duration::from_secs((within.as_secs() / 4).max(1)),
            None => Duration::ZERO,
        };
        let beat = longest(ends, within.saturating_sub(then), times)?;
        let lines = ends.lines.iter().map(|line| {
            line.replace("{beat}", &beat.to_string())
                .replace("{then}", &then.as_secs().to_string())
                .replace("{times}", &times.to_string())
        });
        Some(OwnAdvice {
            timeout,
            lines: lines.collect(),
            after: end(ends, beat, times)?.saturating_add(then),
        })
    });
    advice.collect()
}

/// The longest value with which the deadline is kept; `None`: there is none.
fn longest(ends: &Ends, within: Duration, times: u32) -> Option<u64> {
    let keeps = |beat| end(ends, beat, times).is_some_and(|after| after <= within);
    // The end grows with the value: halve what is left.
    let (mut kept, mut late) = (0, u64::try_from(within.as_millis()).ok()?.saturating_add(1));
    while late - kept > 1 {
        let middle = kept + (late - kept) / 2;
        match keeps(middle) {
            true => kept = middle,
            false => late = middle,
        }
    }
    (kept > 0).then_some(kept)
}

fn end(ends: &Ends, beat: u64, times: u32) -> Option<Duration> {
    ends.after(ends.unit.milliseconds(beat)?, times)
}
