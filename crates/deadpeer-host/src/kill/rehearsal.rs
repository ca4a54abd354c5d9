//! What would be done, from what the table shows: nothing is sent.

use std::time::Duration;

use deadpeer::{Answer, NotNow};

use super::decision::Decision;
use super::multipath;
use super::rounds::ATTEMPTS;
use crate::ask::Reply;
use crate::parts::Parts;
use crate::table::Unreadable;
use crate::target::Target;

/// The kernel sends no probe after a shorter silence.
const JUST_NOW: Duration = Duration::from_secs(1);

/// What is to become of each target as far as can be told without asking; see
/// [`ProbeRounds::decisions`](super::ProbeRounds::decisions).
#[must_use]
pub fn rehearse(targets: &[Target], force: bool) -> Vec<Decision> {
    let part = targets.iter().find(|target| target.multipath);
    let asks_parts = part.is_some_and(|part| Parts::can_be_asked(part.namespace()));
    let each = |target| rehearsed(target, asks_parts, force);
    let mut decisions: Vec<Decision> = targets.iter().map(each).collect();
    multipath::spare_parts_of_the_living(targets, &mut decisions);
    decisions
}

fn rehearsed(target: &Target, asks_parts: bool, force: bool) -> Decision {
    let unanswered = target.unanswered;
    let decision = if unanswered >= ATTEMPTS {
        Decision::Destroy { unanswered }
    } else if let Some(kernel) = target.by_kernel {
        Decision::Unknown(Reply::ByKernel(kernel))
    } else if let Some(ago) = target.heard_ago.filter(|ago| *ago < JUST_NOW) {
        Decision::Alive(Reply::Answer(Answer::NotNow(NotNow::Heard { ago })))
    } else if target.inode.is_none() {
        Decision::Unknown(Reply::Unreachable(Unreadable::NoDescriptor))
    } else if target.multipath && !asks_parts {
        Decision::Unknown(Reply::Unreachable(Unreadable::Multipath))
    } else if !target.multipath && target.owners.is_empty() {
        Decision::Unknown(Reply::Unreachable(Unreadable::NoVisibleOwner))
    } else if force {
        Decision::Forced(Reply::NotSent)
    } else {
        Decision::WouldAsk(target.risk)
    };
    match (decision, force) {
        (Decision::Alive(reply) | Decision::Unknown(reply), true) => Decision::Forced(reply),
        (_, true | false) => decision,
    }
}
