//! Carrying a survey out from within the kernel: every socket under its own lock, and only if it has what was surveyed.

use deadpeer_bpf::{Change, Refused};
use deadpeer_core::{Effective, SocketOptions};
use rustc_hash::{FxHashMap, FxHashSet};

use super::apply::{Failure, Outcome};
use super::survey::{Job, Survey};
use crate::settings::Unreadable;
use crate::undo::values_of;
use crate::within::{View, WithinError};

/// Returns the sockets that were tried. One that appeared while the survey was made has not been seen from within, and is left for
/// the next survey.
pub(super) fn carry_out(
    view: &View,
    survey: &Survey,
    outcome: &mut Outcome,
) -> Result<Vec<u64>, WithinError> {
    let changes: Vec<Change> = survey
        .jobs
        .iter()
        .filter_map(|job| change_of(survey, job))
        .collect();
    let mut done: FxHashMap<u64, Option<Refused>> = FxHashMap::default();
    for some in rounds(&changes) {
        for set in view.set(&some)? {
            done.insert(set.cookie, set.refused);
        }
    }
    let mut half: Vec<&Job> = Vec::new();
    let tried: FxHashSet<u64> = changes.iter().map(|change| change.cookie).collect();
    for job in survey.jobs.iter().filter(|job| tried.contains(&job.cookie)) {
        let listeners = survey
            .parts
            .get(job.part)
            .is_some_and(|part| part.listeners);
        let became = match done.get(&job.cookie) {
            Some(None) => Ok(()),
            Some(Some(Refused::Changed)) => Err(Failure::Overtaken),
            Some(Some(Refused::Option { .. } | _)) => {
                half.push(job);
                Err(Failure::Refused)
            }
            None => Err(Failure::Unreachable(Unreadable::Gone)),
        };
        outcome.count(listeners, became);
    }
    put_back(view, survey, &half)?;
    Ok(tried.into_iter().collect())
}

/// So many sockets may well be changed in one walk over the kernel's table.
const AT_ONCE: usize = 250;
/// However many there are, they are changed in so many walks at most: the longer a walk, the further apart its changes.
const WALKS: usize = 40;

/// The changes in rounds, each spread over the whole table.
///
/// A socket that has been idle for long sends its first probe the moment it is changed, and the next ones in the same rhythm: changed all
/// at once, thousands of them would probe in the same tick again and again, more than a device's queue holds. This spreads them as far as the
/// walks take; the timer wheel brings those together again that are less than one of its steps apart.
fn rounds(changes: &[Change]) -> impl Iterator<Item = Vec<Change>> {
    let rounds = changes.len().div_ceil(AT_ONCE).min(WALKS);
    (0..rounds).map(move |round| {
        changes
            .iter()
            .skip(round)
            .step_by(rounds)
            .copied()
            .collect()
    })
}

fn change_of(survey: &Survey, job: &Job) -> Option<Change> {
    let (part, change) = survey.change(job)?;
    let mut order = Change::new(job.cookie, change.options);
    order.only_if = Some(part.own?);
    Some(order)
}

/// Nothing half done: an option that is refused takes the others with it.
fn put_back(view: &View, survey: &Survey, half: &[&Job]) -> Result<(), WithinError> {
    let back = |before: &Effective, set: &SocketOptions, cookie| {
        Change::new(cookie, values_of(before, set))
    };
    let changes: Vec<Change> = half
        .iter()
        .filter_map(|job| {
            let (part, change) = survey.change(job)?;
            Some(back(&part.before?, &change.options, job.cookie))
        })
        .collect();
    view.set(&changes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_in_one_round_and_there_are_not_too_many() {
        for count in [0, 1, AT_ONCE, AT_ONCE + 1, 7 * WALKS * AT_ONCE + 3] {
            let changes: Vec<Change> = (0..count as u64)
                .map(|cookie| Change::new(cookie, SocketOptions::default()))
                .collect();
            let all: Vec<Vec<Change>> = rounds(&changes).collect();
            assert!(all.len() <= WALKS && all.iter().all(|round| !round.is_empty()));
            let mut seen: Vec<u64> = all.iter().flatten().map(|change| change.cookie).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count as u64), "{count}");
        }
    }
}
