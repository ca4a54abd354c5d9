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
    jobs: &[&Job],
    outcome: &mut Outcome,
) -> Result<Vec<u64>, WithinError> {
    let changes: Vec<Change> = jobs
        .iter()
        .filter_map(|job| change_of(survey, job))
        .collect();
    let mut done: FxHashMap<u64, Option<Refused>> = FxHashMap::default();
    for set in view.set(&changes)? {
        done.insert(set.cookie, set.refused);
    }
    let mut half: Vec<&Job> = Vec::new();
    let tried: FxHashSet<u64> = changes.iter().map(|change| change.cookie).collect();
    for job in jobs.iter().filter(|job| tried.contains(&job.cookie)) {
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
