//! Where conversations are found again, at most so many of them.

use std::hash::BuildHasher as _;

use super::conversation::Conversation;
use super::index::Index;
use crate::dissect::{Endpoint, Segment};

/// Conversations live in pieces of this many, so that growing moves none of them.
const PIECE: usize = 256;
/// So many are compared when one has to go.
const CANDIDATES: usize = 16;

/// All conversations, those that are over included.
#[derive(Debug)]
pub(super) struct Table {
    /// The latest conversation between two ends, by their hash.
    index: Index,
    /// The hash has a seed of its own in each process, so that nobody can write a capture in which
    /// all collide.
    seed: foldhash::fast::RandomState,
    pieces: Vec<Vec<Conversation>>,
    held: usize,
    most: usize,
    /// Where the search for one that can go goes on.
    hand: usize,
}

/// Both ends of a connection, whoever sent.
pub(super) type Ends = (Endpoint, Endpoint);

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self {
            index: Index::default(),
            seed: foldhash::fast::RandomState::default(),
            pieces: Vec::new(),
            held: 0,
            most: most.clamp(1, u32::MAX as usize - 1),
            hand: 0,
        }
    }

    /// A number that both directions of a connection have in common.
    pub(super) fn hash(&self, (one, other): Ends) -> u32 {
        let (low, high) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        let ports = u32::from(low.port) << 16 | u32::from(high.port);
        let hash = self.seed.hash_one((low.bits(), high.bits(), ports));
        (hash >> 32) as u32
    }

    /// The place of the latest conversation between two ends.
    pub(super) fn find(&self, ends: Ends) -> Option<usize> {
        let mut places = self.index.places(self.hash(ends));
        places.find(|place| self.at(*place).is_the_one_between(ends))
    }

    /// Where the conversation of each segment probably is, without looking there; for all of them
    /// at once, so that the processor waits for memory once rather than for each.
    pub(super) fn probably<'a, const N: usize>(
        &self,
        segments: impl Iterator<Item = Option<&'a Segment>>,
    ) -> [Option<usize>; N] {
        let mut hashes = [None; N];
        for (hash, segment) in hashes.iter_mut().zip(segments) {
            *hash = segment.map(|segment| self.hash((segment.source, segment.destination)));
        }
        hashes.map(|hash| self.index.places(hash?).next())
    }

    pub(super) fn at(&self, place: usize) -> &Conversation {
        &self.pieces[place / PIECE][place % PIECE]
    }

    pub(super) fn at_mut(&mut self, place: usize) -> &mut Conversation {
        &mut self.pieces[place / PIECE][place % PIECE]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.pieces.iter().flatten()
    }

    /// Adds a conversation. Says where it is, and whether another had to go for it.
    ///
    /// What was between the same ends until now is not found any more.
    pub(super) fn add(&mut self, conversation: Conversation) -> (usize, bool) {
        let ends = conversation.ends();
        let hash = self.hash(ends);
        let before = self
            .index
            .places(hash)
            .find(|place| self.at(*place).is_between(ends));
        if let Some(before) = before {
            self.index.remove(hash, before);
        }
        let (place, evicted) = if self.held < self.most {
            (self.append(conversation), false)
        } else {
            let place = self.dispensable();
            let old = self.hash(self.at(place).ends());
            self.index.remove(old, place);
            *self.at_mut(place) = conversation;
            (place, true)
        };
        self.index.insert(hash, place);
        (place, evicted)
    }

    fn append(&mut self, conversation: Conversation) -> usize {
        let place = self.held;
        if place.is_multiple_of(PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE.min(self.most)));
        }
        self.pieces[place / PIECE].push(conversation);
        self.held += 1;
        place
    }

    /// Among some that stand next to each other: one that is over, or else the one that was quiet
    /// longest.
    fn dispensable(&mut self) -> usize {
        let candidates = (0..CANDIDATES.min(self.held)).map(|step| (self.hand + step) % self.held);
        let worth = |place: &usize| {
            let conversation = self.at(*place);
            (!conversation.is_over(), conversation.last())
        };
        let least = candidates.min_by_key(worth).unwrap_or(self.hand);
        self.hand = (self.hand + CANDIDATES) % self.held;
        least
    }
}
