//! Connections that a host reset at once: that was its program's end, or its user's wish, and not
//! the end of its patience with one of them.

use std::collections::HashMap;
use std::time::Duration;

use crate::Moment;
use crate::talk::{Conversation, HostId, Reset};

/// Who resets them one after another needs no longer.
const AT_ONCE: Duration = Duration::from_millis(100);
/// So many others, idle for another time, are not there by chance.
const ENOUGH: usize = 2;
/// No more than these are looked at.
const AT_MOST: usize = 100;

/// The RSTs of a capture that answered nothing, by the host that sent them, in the order of time,
/// and how long it had been silent before each.
#[derive(Debug, Default)]
pub(crate) struct Together(HashMap<HostId, Vec<(Moment, Duration)>, foldhash::fast::RandomState>);

impl Together {
    /// Takes in a conversation, if it ended so.
    pub(super) fn add(&mut self, conversation: &Conversation) {
        let reset = conversation.reset.as_deref();
        let Some(reset) = reset.filter(|reset| reset.reply_to.is_none()) else {
            return;
        };
        let [client, server] = &conversation.halves;
        let Some(last) = client.last.max(server.last) else {
            return;
        };
        let (host, _) = conversation.way(reset.side);
        let silence = reset.at.since(last);
        self.0.entry(host).or_default().push((reset.at, silence));
    }

    /// After the last one was added.
    pub(super) fn sort(&mut self) {
        for resets in self.0.values_mut() {
            resets.sort_unstable();
        }
    }

    /// Whether the host that sent this RST after so long a silence reset others with it that had
    /// been silent for less than half of it.
    pub(super) fn with_busier(
        &self,
        conversation: &Conversation,
        reset: &Reset,
        silence: Duration,
    ) -> bool {
        let (host, _) = conversation.way(reset.side);
        let Some(resets) = self.0.get(&host) else {
            return false;
        };
        let before = resets.partition_point(|(at, _)| reset.at.since(*at) > AT_ONCE);
        let near = resets[before..].iter().take(AT_MOST);
        near.take_while(|(at, _)| at.since(reset.at) <= AT_ONCE)
            .filter(|(_, other)| *other * 2 < silence)
            .nth(ENOUGH - 1)
            .is_some()
    }
}
