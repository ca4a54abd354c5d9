//! Where conversations are found again, at most so many of them.

use std::collections::HashMap;

use super::conversation::Conversation;
use crate::dissect::Endpoint;

/// Conversations live in pieces of this many, so that growing moves none of them.
const PIECE: usize = 256;
/// So many are compared when one has to go.
const CANDIDATES: usize = 16;

/// Both ends, the lower one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    addresses: [[u64; 2]; 2],
    ports: [u16; 2],
}

impl Key {
    pub(super) fn of(one: Endpoint, other: Endpoint) -> Self {
        let (low, high) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        let words = |address: u128| [(address >> 64) as u64, address as u64];
        Self {
            addresses: [words(low.address), words(high.address)],
            ports: [low.port, high.port],
        }
    }
}

/// All conversations, those that are over included.
#[derive(Debug)]
pub(super) struct Table {
    /// The latest conversation between two ends. Its hash has a seed of its own in each process, so that nobody can
    /// write a capture in which all connections collide.
    places: HashMap<Key, u32, foldhash::fast::RandomState>,
    pieces: Vec<Vec<Conversation>>,
    held: usize,
    most: usize,
    /// Where the search for one that can go goes on.
    hand: usize,
    /// The last one asked for: packets come in bursts.
    recent: Option<(Key, usize)>,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: HashMap::default(),
            pieces: Vec::new(),
            held: 0,
            most: most.clamp(1, u32::MAX as usize),
            hand: 0,
            recent: None,
        }
    }

    /// The place of the latest conversation between two ends.
    pub(super) fn find(&mut self, key: Key) -> Option<usize> {
        if let Some((recent, place)) = self.recent
            && recent == key
        {
            return Some(place);
        }
        let place = *self.places.get(&key)? as usize;
        self.recent = Some((key, place));
        Some(place)
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Conversation {
        &mut self.pieces[place / PIECE][place % PIECE]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.pieces.iter().flatten()
    }

    /// Adds a conversation; `true` if another had to go for it.
    pub(super) fn add(&mut self, key: Key, conversation: Conversation) -> (usize, bool) {
        let (place, evicted) = if self.held < self.most {
            let place = self.held;
            if place.is_multiple_of(PIECE) {
                self.pieces.push(Vec::with_capacity(PIECE.min(self.most)));
            }
            self.pieces[place / PIECE].push(conversation);
            self.held += 1;
            (place, false)
        } else {
            let place = self.dispensable();
            let old = Key::of(self.at(place).ends[0], self.at(place).ends[1]);
            if self.places.get(&old) == Some(&(place as u32)) {
                self.places.remove(&old);
            }
            *self.at(place) = conversation;
            (place, true)
        };
        self.places.insert(key, place as u32);
        self.recent = Some((key, place));
        (place, evicted)
    }

    /// Among some that stand next to each other: one that is over, or else the one that was quiet longest.
    fn dispensable(&mut self) -> usize {
        let mut best = self.hand;
        let mut least = None;
        for step in 0..CANDIDATES.min(self.held) {
            let place = (self.hand + step) % self.held;
            let conversation = self.at(place);
            let worth = (!conversation.is_over(), conversation.last());
            if least.is_none_or(|least| worth < least) {
                least = Some(worth);
                best = place;
            }
        }
        self.hand = (self.hand + CANDIDATES) % self.held;
        best
    }
}
