//! Carrying a survey out through borrowed descriptors, socket by socket.

use std::os::fd::AsFd;

use deadpeer::{Apply as _, Lack};
use deadpeer_core::{Effective, SocketOptions};
use deadpeer_sys::sockopt;

use super::PUT_BACK_TRIES;
use super::aim::Change;
use super::outcome::{Failure, Outcome};
use super::survey::{Job, Survey};
use crate::table::fd_borrower::FdBorrower;
use crate::table::{Unreadable, unreadable};

pub(super) fn carry_out(survey: &Survey, jobs: &[&Job], outcome: &mut Outcome) {
    let mut borrower = FdBorrower::default();
    for job in jobs {
        let Some((part, change)) = survey.change(job) else {
            continue;
        };
        let done = carry_out_one(&mut borrower, job, part.before.as_ref(), &change);
        outcome.count(part.are_listeners(), done);
    }
}

fn carry_out_one(
    borrower: &mut FdBorrower,
    job: &Job,
    before: Option<&Effective>,
    change: &Change,
) -> Result<(), Failure> {
    if job.owners.is_empty() {
        return Err(Failure::Unreachable(Unreadable::NoDescriptor));
    }
    let socket = borrower
        .borrow_from(job.owners.iter().copied(), job.cookie)
        .map_err(Failure::Unreachable)?;
    let now =
        sockopt::effective(&socket).map_err(|error| Failure::Unreachable(unreadable(error)))?;
    if before != Some(&now) {
        return Err(Failure::Overtaken);
    }
    let applied = change.options.apply_from_outside(&socket).map_err(|_| {
        put_back(&socket, &now, &change.options);
        Failure::Refused
    })?;
    if let Some(lacking) = applied.unsupported.first() {
        put_back(&socket, &now, &change.options);
        return Err(match lacking.lack {
            Lack::Multipath => Failure::Unreachable(Unreadable::Multipath),
            Lack::Kernel | _ => Failure::Lacking(lacking.setting.name()),
        });
    }
    Ok(())
}

/// Nothing half done: an option that is missing, or can't be read back, takes the others with it.
/// One that is refused holds up none of the others, and is tried again; what is refused to the
/// end is in the undo file.
fn put_back(socket: impl AsFd, before: &Effective, set: &SocketOptions) {
    for old in before.of_those(set).settings() {
        // The kernel took other values of these options a moment ago.
        let _ = (0..PUT_BACK_TRIES).find(|_| sockopt::set_from_outside(&socket, old).is_ok());
    }
}
