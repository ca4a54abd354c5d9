//! Parts of Multipath TCP connections: which may go, and what a program hears of one destroyed.
//!
//! A connection is alive as long as one of its parts is, and then none of them is destroyed. The
//! program hears nothing, as long as there are other parts; and after the last, nothing for
//! `net.mptcp.close_timeout`, a minute: another part could join (net/mptcp/protocol.c,
//! `mptcp_worker`). The kernel destroys parts alone (net/mptcp/mptcp_diag.c). So the whole is
//! disconnected through its descriptor.

use std::num::NonZeroU32;

use rustc_hash::FxHashSet;

use super::decision::Decision;
use crate::table::fd_borrower::FdBorrower;
use crate::target::Target;

/// Lets no part go whose connection is alive by another among these.
pub(super) fn spare_parts_of_the_living(targets: &[Target], decisions: &mut [Decision]) {
    let whole = |target: &Target| target.inode.filter(|_| target.multipath);
    let alive = targets.iter().zip(&*decisions);
    let alive = alive.filter(|(_, decision)| matches!(decision, Decision::Alive(_)));
    let living: FxHashSet<NonZeroU32> = alive.filter_map(|(target, _)| whole(target)).collect();
    for (target, decision) in targets.iter().zip(decisions) {
        let open = matches!(decision, Decision::Destroy { .. } | Decision::Unknown(_));
        if open && whole(target).is_some_and(|whole| living.contains(&whole)) {
            *decision = Decision::AliveByAnother;
        }
    }
}

/// What the programs hear of destroyed parts of Multipath TCP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Multipath {
    /// Parts that were the last of their connection, whose program hears of it now, as `ENOTCONN`.
    pub told: u64,
    /// Parts that were the last, whose program could not be reached: it hears of it, as `ENOTCONN`,
    /// after `net.mptcp.close_timeout`.
    pub untold: u64,
    /// Parts of connections that go on over others.
    pub go_on: u64,
}

impl Multipath {
    /// Ends the connections of these destroyed parts that have no other: `left` are the numbers
    /// of all descriptors that still have one.
    pub(super) fn end<'t>(
        parts: impl IntoIterator<Item = &'t Target>,
        left: &FxHashSet<NonZeroU32>,
    ) -> Self {
        let mut all = Self::default();
        let mut ended = FxHashSet::default();
        let mut borrower = FdBorrower::default();
        for part in parts {
            // Without a descriptor nobody waits for it.
            let Some(inode) = part.inode else { continue };
            if left.contains(&inode) {
                all.go_on += 1;
                continue;
            }
            let is_ended = ended.contains(&inode)
                || borrower
                    .borrow_multipath(part.numbers(), inode)
                    .is_ok_and(|whole| deadpeer_sys::disconnect(whole).is_ok());
            match is_ended {
                true => {
                    ended.insert(inode);
                    all.told += 1;
                }
                false => all.untold += 1,
            }
        }
        all
    }

    pub(super) fn add(&mut self, other: Self) {
        self.told += other.told;
        self.untold += other.untold;
        self.go_on += other.go_on;
    }
}
