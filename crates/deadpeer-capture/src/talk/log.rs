//! Where episodes are written to.

use std::mem::discriminant;

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

    /// A side does the same as last, or for the first time.
    pub(super) fn once_more(&mut self, side: Side, now: Moment, what: What) {
        if let Some(last) = self.episodes.last_mut()
            && last.side == side
            && discriminant(&last.what) == discriminant(&what)
            && let What::MuteProbes { count } | What::AnotherAnswer { count } = &mut last.what
        {
            *count = count.saturating_add(1);
            last.until = now;
            return;
        }
        self.push((now, now), side, what);
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

    pub(crate) fn push(&mut self, times: (Moment, Moment), side: Side, what: What) -> &mut Episode {
        self.episodes.push(self.most, times, side, what)
    }
}
