//! Bounds of what is remembered of a capture, however long it is.

use super::episode::FEWEST_EPISODES;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Conversations at the same time, those that are over included. Beyond it, one that is over or
    /// that was quiet for long makes place for each new one.
    pub connections: usize,
    /// Episodes of each conversation, at least 8. Beyond it, the first and the latest are kept.
    /// From the 513th conversation on it is 8, so that memory is bounded by conversations,
    /// whatever happens to them.
    pub episodes: usize,
    /// Whether the packets of an episode are remembered one by one
    /// ([`Episode::marks`](super::Episode::marks)), for those who draw.
    pub marks: bool,
    /// The number of a conversation of which everything is kept, up to a hundred thousand episodes.
    pub closely: Option<u64>,
}

impl Default for Limits {
    /// A million conversations, 32 episodes of each, without marks.
    fn default() -> Self {
        Self {
            connections: 1_000_000,
            episodes: 32,
            marks: false,
            closely: None,
        }
    }
}

/// Of so many conversations more is remembered than of all others.
const WELL_REMEMBERED: u64 = 512;

impl Limits {
    pub(super) fn episodes_of(&self, number: u64) -> usize {
        if self.closely == Some(number) {
            100_000
        } else if number <= WELL_REMEMBERED {
            self.episodes
        } else {
            self.episodes.min(FEWEST_EPISODES)
        }
    }

    pub(super) fn marks_of(&self, number: u64) -> bool {
        self.marks || self.closely == Some(number)
    }
}
