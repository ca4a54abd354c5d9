//! What happened to a connection: a timeline, the settings it shows, and a verdict.
//!
//! Everything is data first. The words for it stand in `words.rs` and nowhere else.

mod evidence;
mod groups;
mod judge;
mod judged;
mod limits;
mod notes;
mod plan;
mod settings;
mod timeline;
mod verdict;
mod words;

pub use evidence::{Evidence, Untold, Weight};
pub use groups::{Common, Group, Grouping};
pub use judged::JudgedCapture;
pub use limits::{Forgets, IDLE_LIMITS, IdleLimit};
pub use notes::Note;
pub use plan::compared_plan;
pub use settings::{Guess, Settings};
pub use timeline::{Event, Happening};
pub use verdict::{Ending, Gone, Noticed, StoryVerdict, Translated};
pub use words::Length;

use crate::talk::{Conversation, Counts, Side};
use crate::{Endpoint, Moment};
pub(crate) use judge::Surroundings;

/// The story of one connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Story {
    /// Its number, from 1 in the order of first packets.
    pub number: u64,
    /// The client's and the server's address and port.
    pub ends: [Endpoint; 2],
    /// Whether the opening was captured. Otherwise who is client is a guess: the one with the
    /// higher port.
    pub opening_seen: bool,
    /// Its first packet.
    pub first: Moment,
    /// Its last packet.
    pub last: Moment,
    /// The last packet of the whole capture: how long nothing came after `last` is part of the
    /// story.
    pub capture_ends: Moment,
    /// The only side of which packets were captured, if there is but one.
    pub one_sided: Option<Side>,
    /// How much the client and the server sent.
    pub counts: [Counts; 2],
    /// What the timers of the client and the server show of their settings.
    pub settings: [Settings; 2],
    /// What happened, in order.
    pub timeline: Vec<Event>,
    /// What it comes to.
    pub verdict: StoryVerdict,
}

impl Story {
    pub(crate) fn of(
        conversation: &Conversation,
        verdict: StoryVerdict,
        capture_ends: Moment,
    ) -> Self {
        let one_sided = Side::BOTH
            .into_iter()
            .find(|side| conversation.half(!*side).counts.packets == 0);
        Self {
            number: conversation.number,
            ends: conversation.ends,
            opening_seen: conversation.opening_seen,
            first: conversation.first,
            last: conversation.last(),
            capture_ends,
            one_sided,
            counts: Side::BOTH.map(|side| conversation.half(side).counts),
            settings: Side::BOTH.map(|side| Settings::of(conversation, side, &verdict)),
            timeline: timeline::of(conversation, &verdict, capture_ends),
            verdict,
        }
    }

    /// The address and port of a side.
    #[must_use]
    pub fn end(&self, side: Side) -> Endpoint {
        self.ends[side.index()]
    }

    /// How much a side sent.
    #[must_use]
    pub fn counts(&self, side: Side) -> &Counts {
        &self.counts[side.index()]
    }

    /// What a side's timers show of its settings.
    #[must_use]
    pub fn settings(&self, side: Side) -> &Settings {
        &self.settings[side.index()]
    }
}
