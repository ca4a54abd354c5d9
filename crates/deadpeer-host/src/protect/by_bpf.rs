//! Carrying a survey out by eBPF: every socket under its own lock, and only if it has what was
//! surveyed.

use deadpeer_bpf::{Change, Refused};
use rustc_hash::{FxHashMap, FxHashSet};

use super::PUT_BACK_TRIES;
use super::outcome::{Failure, Outcome};
use super::survey::{Job, Survey};
use crate::table::Unreadable;
use crate::table::bpf::{BpfError, View};

/// Returns the sockets that were tried. One that appeared while the survey was made has not been
/// seen by eBPF, and is left for the next survey.
pub(super) fn carry_out(
    view: View<'_>,
    survey: &Survey,
    jobs: &[&Job],
    outcome: &mut Outcome,
) -> Result<Vec<u64>, BpfError> {
    let changes = |job: &&Job| change_of(survey, job);
    let mut open: FxHashMap<u64, &Job> = jobs
        .iter()
        .filter(|job| changes(job).is_some())
        .map(|job| (job.cookie, *job))
        .collect();
    let tried = open.keys().copied().collect();
    let mut half: Vec<&Job> = Vec::new();
    view.set(jobs.iter().filter_map(changes), |set| {
        let Some(job) = open.remove(&set.cookie) else {
            return;
        };
        let became = match set.refused {
            None => Ok(()),
            Some(Refused::Changed) => Err(Failure::Overtaken),
            Some(Refused::Option { .. }) => {
                half.push(job);
                Err(Failure::Refused)
            }
        };
        outcome.count(survey.is_listener(job), became);
    })?;
    for job in open.values() {
        let gone = Failure::Unreachable(Unreadable::Gone);
        outcome.count(survey.is_listener(job), Err(gone));
    }
    put_back(before(survey, &half), |changes| {
        let mut refused = FxHashSet::default();
        view.set(changes.iter().copied(), |set| {
            refused.extend(set.refused.map(|_| set.cookie));
        })?;
        Ok(refused)
    })?;
    Ok(tried)
}

fn change_of(survey: &Survey, job: &Job) -> Option<Change> {
    let (part, change) = survey.change(job)?;
    let mut order = Change::new(job.cookie, change.options);
    order.only_if = Some(part.own?);
    Some(order)
}

/// What these sockets had of what was to be set.
fn before(survey: &Survey, half: &[&Job]) -> Vec<Change> {
    let back = |job: &&Job| {
        let (part, change) = survey.change(job)?;
        let before = part.before?.of_those(&change.options);
        Some(Change::new(job.cookie, before))
    };
    half.iter().filter_map(back).collect()
}

/// Nothing half done: an option that is refused takes the others with it. What is refused to the
/// end is in the undo file. `set` tells which sockets it was refused on.
fn put_back(
    mut open: Vec<Change>,
    mut set: impl FnMut(&[Change]) -> Result<FxHashSet<u64>, BpfError>,
) -> Result<(), BpfError> {
    for _ in 0..PUT_BACK_TRIES {
        if open.is_empty() {
            break;
        }
        let refused = set(&open)?;
        open.retain(|change| refused.contains(&change.cookie));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use deadpeer_core::SocketOptions;

    use super::*;

    #[test]
    fn what_is_refused_is_put_back_again_by_itself_and_not_for_ever() {
        let change = |cookie| Change::new(cookie, SocketOptions::new().keepalive(false));
        let mut tried: Vec<Vec<u64>> = Vec::new();
        let put_back = put_back([1, 2, 3].map(change).to_vec(), |changes| {
            tried.push(changes.iter().map(|change| change.cookie).collect());
            // The first is taken at once, the second when it is tried again, the third never.
            let refused = if tried.len() == 1 { &[2, 3][..] } else { &[3] };
            Ok(refused.iter().copied().collect())
        });
        assert_eq!(put_back, Ok(()));
        assert_eq!(tried, [&[1, 2, 3][..], &[2, 3], &[3]]);
    }
}
