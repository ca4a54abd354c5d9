//! Where episodes are written to.

use super::episode::{Episode, Episodes, What};
use super::side::Side;
use crate::Moment;

/// The episodes of a conversation, and how many of them may be kept.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    pub(crate) episodes: &'a mut Episodes,
    pub(crate) most: usize,
}

impl Log<'_> {
    /// What happened last.
    pub(crate) fn last(&mut self) -> Option<&mut What> {
        self.episodes.last_mut().map(|episode| &mut episode.what)
    }

    /// A side sends what looks like a probe and asks nothing.
    pub(super) fn mute_probe(&mut self, side: Side, now: Moment) {
        if let Some(last) = self.episodes.last_mut()
            && last.side == side
            && let What::MuteProbes { count } = &mut last.what
        {
            *count = count.saturating_add(1);
            last.until = now;
            return;
        }
        self.push((now, now), side, What::MuteProbes { count: 1 });
    }

    /// What a side answered a SYN with was about an older connection, as the reply to it at `now`
    /// shows.
    pub(super) fn older_connection(&mut self, answered: Moment, side: Side, now: Moment) {
        if let Some(last) = self.episodes.last_mut()
            && last.side == side
            && let What::OlderConnection { count } = &mut last.what
        {
            if answered > last.until {
                *count = count.saturating_add(1);
                last.until = now;
            }
            return;
        }
        let what = What::OlderConnection { count: 1 };
        self.push((answered, now), side, what);
    }

    /// A side answers the SYN with another sequence number than before.
    pub(super) fn another_answer(&mut self, side: Side, now: Moment) {
        if let Some(last) = self.episodes.last_mut()
            && last.side == side
            && let What::AnotherAnswer { count } = &mut last.what
        {
            *count = count.saturating_add(1);
            last.until = now;
            return;
        }
        self.push((now, now), side, What::AnotherAnswer { count: 1 });
    }

    pub(crate) fn push(&mut self, times: (Moment, Moment), side: Side, what: What) -> &mut Episode {
        self.episodes.push(self.most, times, side, what)
    }
}
