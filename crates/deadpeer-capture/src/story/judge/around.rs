//! What the rest of the capture says about a conversation.

use super::Case;
use super::openings::VainOpenings;
use super::survivors::Survivors;
use super::together::Together;
use crate::Moment;
use crate::story::evidence::Evidence;
use crate::talk::{Clock, Conversation, Conversations, Hosts, Side};

/// The capture around a conversation.
pub(crate) struct Surroundings<'a> {
    pub(crate) hosts: &'a Hosts,
    pub(crate) clock: &'a Clock,
    /// Whether the capture has bare acknowledgments.
    pub(crate) acknowledged_alone: bool,
    /// Whether it has SYNs and nothing else: then nobody was answered, rather than on another way.
    pub(crate) only_openings: bool,
    /// Whether packets are missing all over it.
    pub(crate) lossy: bool,
    pub(super) survivors: Survivors,
    pub(super) vain_openings: VainOpenings,
    pub(super) together: Together,
    pub(crate) conversations: &'a Conversations,
}

impl<'a> Surroundings<'a> {
    /// Looks once at all conversations.
    pub(crate) fn of(conversations: &'a Conversations) -> Self {
        let totals = conversations.totals();
        let (mut all, mut holed) = (0_usize, 0_usize);
        let mut survivors = Survivors::default();
        let mut vain_openings = VainOpenings::default();
        let mut together = Together::default();
        for conversation in conversations.remembered() {
            all += 1;
            holed += usize::from(conversation.has_holes());
            survivors.add(conversation);
            vain_openings.add(conversation);
            together.add(conversation);
        }
        vain_openings.sort();
        together.sort();
        Self {
            hosts: conversations.hosts(),
            clock: conversations.clock(),
            acknowledged_alone: totals.bare_acknowledgments > 0,
            only_openings: totals.openings == totals.segments,
            // A twentieth of them acknowledge what the capture lacks: then it lacks what nobody
            // acknowledges as well.
            lossy: holed >= 2 && holed * 20 >= all,
            survivors,
            vain_openings,
            together,
            conversations,
        }
    }

    /// The last packet of the capture, or of the part of it that the conversation is in, if its
    /// clock was set back.
    pub(crate) fn end_of(&self, conversation: &Conversation) -> Moment {
        self.clock.end_of(conversation.run)
    }
}

impl Case<'_> {
    /// When the host of a side was heard elsewhere for the last time, if that was after `at`.
    pub(super) fn heard_elsewhere(&self, side: Side, at: Moment) -> Option<Moment> {
        let (mine, its) = self.conversation.way(!side);
        let host = self.around.hosts.get(its).filter(|_| mine != its)?;
        // In another part of an appended capture it is another time.
        let (spoke, of) = host.spoke.filter(|(spoke, _)| *spoke <= self.end)?;
        (spoke > at && of != self.conversation.number).then_some(spoke)
    }

    /// Whether the capture has packets that were sent to the host of a side: then it would show the
    /// answers to it.
    pub(super) fn shows_answers_to(&self, side: Side) -> bool {
        let (mine, its) = self.conversation.way(side);
        let addressed = |host| {
            self.around
                .hosts
                .get(host)
                .is_some_and(|h| h.addressed.is_some())
        };
        self.around.only_openings
            || self.half(!side).counts.packets > 0
            || (mine != its && addressed(mine))
    }

    /// Whether what looks like a side's probes may be its answers to probes of the other side, of
    /// which the capture has nothing: what lies before the window is passed over, its timestamp
    /// included (net/ipv4/tcp_input.c, `tcp_validate_incoming`).
    pub(super) fn may_only_answer(&self, side: Side) -> bool {
        self.conversation.may_only_answer(side) && !self.shows_answers_to(side)
    }

    /// What says that the capture lacks packets of this conversation.
    pub(super) fn gaps(&self) -> Vec<Evidence> {
        let mut found = Vec::new();
        let heard = Side::BOTH.map(|side| self.half(side).counts.packets > 0);
        match heard {
            [true, false] if !self.shows_answers_to(Side::Client) => {
                found.push(Evidence::OneSided(Side::Client));
            }
            [false, true] if !self.shows_answers_to(Side::Server) => {
                found.push(Evidence::OneSided(Side::Server));
            }
            _ => {}
        }
        let carries = Side::BOTH
            .iter()
            .any(|side| self.half(*side).data.is_some());
        if carries && !self.around.acknowledged_alone {
            found.push(Evidence::NoBareAcknowledgments);
        }
        if self.around.lossy {
            found.push(Evidence::Lossy);
        }
        for side in Side::BOTH {
            let bytes = self.half(side).counts.uncaptured;
            if bytes > 0 {
                found.push(Evidence::Holes(side, bytes));
            }
        }
        found
    }
}
