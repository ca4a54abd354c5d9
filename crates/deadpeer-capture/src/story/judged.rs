//! The conversations of a capture, judged with all of it in view.

use super::{Story, StoryVerdict, Surroundings};
use crate::dissect::Endpoint;
use crate::talk::{Conversation, Conversations, Place};

/// What a capture comes to: each conversation is judged as it is asked for, so that a million
/// stories need not be in memory.
pub struct JudgedCapture<'a> {
    conversations: &'a Conversations,
    around: Surroundings<'a>,
}

impl Conversations {
    /// Looks at all of them once, for what they tell about each other.
    #[must_use]
    pub fn judged(&self) -> JudgedCapture<'_> {
        JudgedCapture {
            conversations: self,
            around: Surroundings::of(self),
        }
    }

    /// The story of every conversation that is remembered, in no particular order.
    pub fn stories(&self) -> impl Iterator<Item = Story> {
        let judged = self.judged();
        self.remembered()
            .map(move |conversation| judged.story_of(conversation))
    }

    /// The story of the conversation with this number, if it is remembered.
    #[must_use]
    pub fn story(&self, number: u64) -> Option<Story> {
        let conversation = self.remembered().find(|this| this.number == number)?;
        Some(self.judged().story_of(conversation))
    }
}

impl JudgedCapture<'_> {
    /// The verdict on every conversation that is remembered, with its number and ends (client and
    /// server), and where to find its story ([`stories_at`](Self::stories_at)): so that a million
    /// stories can be chosen and sorted before they are told.
    pub fn verdicts(&self) -> impl Iterator<Item = (Place, u64, [Endpoint; 2], StoryVerdict)> {
        let places = self.conversations.remembered().enumerate();
        places.map(|(place, conversation)| {
            let verdict = StoryVerdict::of(conversation, &self.around);
            (
                Place::of(place),
                conversation.number,
                conversation.ends,
                verdict,
            )
        })
    }

    /// The story of the conversation at a place, on which this is the verdict.
    #[must_use]
    pub fn story(&self, place: Place, verdict: StoryVerdict) -> Story {
        let conversation = self.conversations.at(place);
        Story::of(conversation, verdict, self.around.end_of(conversation))
    }

    /// The stories of the conversations at these places, each told as it is asked for.
    pub fn stories_at(&self, places: &[Place]) -> impl ExactSizeIterator<Item = Story> {
        let conversations = places.iter().map(|place| self.conversations.at(*place));
        conversations.map(|conversation| self.story_of(conversation))
    }

    fn story_of(&self, conversation: &Conversation) -> Story {
        let verdict = StoryVerdict::of(conversation, &self.around);
        Story::of(conversation, verdict, self.around.end_of(conversation))
    }
}
