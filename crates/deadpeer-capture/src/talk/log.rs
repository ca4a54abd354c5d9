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

    pub(crate) fn push(&mut self, times: (Moment, Moment), side: Side, what: What) -> &mut Episode {
        self.episodes.push(self.most, times, side, what)
    }
}
