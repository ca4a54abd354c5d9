//! Openings that nobody answered: what the path knew of an older connection is no reason for them.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::unanswered::SYN_WAIT;
use crate::talk::{Conversation, Resent, Side};
use crate::{Endpoint, Moment};

/// A connection that a client asked for at least three times, and nobody answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VainOpening {
    /// The number of the connection.
    pub(crate) number: u64,
    /// How many SYNs.
    pub(crate) syns: u32,
    first: Moment,
    last: Moment,
}

/// The vain openings of a capture, by whom they asked, those that ended last coming first, and none
/// that lies within another.
#[derive(Debug, Default)]
pub(crate) struct VainOpenings(HashMap<Endpoint, Vec<VainOpening>, foldhash::fast::RandomState>);

impl VainOpenings {
    /// Takes in a conversation, if it is one.
    pub(super) fn add(&mut self, conversation: &Conversation) {
        let [client, server] = &conversation.halves;
        let run = client
            .resending
            .run()
            .filter(|run| run.what == Resent::Syn && run.count >= 2 && run.last_wait() >= SYN_WAIT);
        let Some(run) = run.filter(|_| !client.went_on && server.counts.packets == 0) else {
            return;
        };
        let [_, asked] = conversation.ends;
        self.0.entry(asked).or_default().push(VainOpening {
            number: conversation.number,
            syns: run.count + 1,
            first: run.original.unwrap_or(run.first),
            last: run.last,
        });
    }

    /// After the last one was added.
    pub(super) fn sort(&mut self) {
        for openings in self.0.values_mut() {
            openings.sort_unstable_by_key(|opening| Reverse(opening.last));
            let mut earliest = None;
            openings.retain(|opening| {
                let sooner = earliest.is_none_or(|earliest| opening.first < earliest);
                if sooner {
                    earliest = Some(opening.first);
                }
                sooner
            });
        }
    }

    /// One that asked the other end of `side`'s connection while `side` asked in vain there too.
    pub(super) fn meanwhile(
        &self,
        conversation: &Conversation,
        side: Side,
        (from, to): (Moment, Moment),
    ) -> Option<VainOpening> {
        let openings = self.0.get(&conversation.ends[(!side).index()])?;
        // Of those that had not ended before, the last one began first.
        let count = openings.partition_point(|opening| opening.last >= from);
        let found = openings[..count].last().copied();
        found.filter(|opening| opening.first <= to)
    }
}
