//! The watched sockets by the number of their descriptor.

use std::os::fd::RawFd;

use deadpeer_core::Judge;
use deadpeer_sys::Remembered;

use crate::death::Known;

/// Numbers of descriptors are dense, so the table is one too, in pieces that come when they are needed.
const PIECE: usize = 64;

/// What is remembered of a socket.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) remembered: Remembered,
    pub(super) known: Known,
    pub(super) judge: Option<Judge>,
    generation: u32,
}

impl Entry {
    pub(super) fn new(
        key: u64,
        remembered: Remembered,
        known: Known,
        judge: Option<Judge>,
    ) -> Self {
        Self {
            key,
            remembered,
            known,
            judge,
            generation: 0,
        }
    }
}

/// Where an entry is. One that was replaced is found by its old place no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    number: u32,
    generation: u32,
}

impl Place {
    /// The number of the descriptor.
    pub(super) fn number(self) -> RawFd {
        self.number.cast_signed()
    }

    /// As one number, for epoll.
    pub(super) fn to_key(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.number)
    }

    pub(super) fn of_key(key: u64) -> Self {
        Self {
            number: key as u32,
            generation: (key >> 32) as u32,
        }
    }

    fn split(self) -> (usize, usize) {
        let number = self.number as usize;
        (number / PIECE, number % PIECE)
    }
}

type Piece = [Option<Entry>; PIECE];

/// Every watched socket.
#[derive(Debug, Default)]
pub(super) struct Table {
    pieces: Vec<Option<Box<Piece>>>,
    len: usize,
    generations: u32,
}

impl Table {
    /// Puts an entry in, instead of one with the same number.
    pub(super) fn insert(&mut self, mut entry: Entry) -> Place {
        self.generations = self.generations.wrapping_add(1);
        entry.generation = self.generations;
        let place = Place {
            number: entry.remembered.number().cast_unsigned(),
            generation: entry.generation,
        };
        let (piece, index) = place.split();
        if self.pieces.len() <= piece {
            self.pieces.resize_with(piece + 1, || None);
        }
        let piece = self.pieces[piece].get_or_insert_with(|| Box::new([const { None }; PIECE]));
        if piece[index].replace(entry).is_none() {
            self.len += 1;
        }
        place
    }

    pub(super) fn entry(&mut self, place: Place) -> Option<&mut Entry> {
        self.slot(place)?
            .as_mut()
            .filter(|entry| entry.generation == place.generation)
    }

    pub(super) fn remove(&mut self, place: Place) {
        if self.entry(place).is_some()
            && let Some(slot) = self.slot(place)
        {
            *slot = None;
            self.len -= 1;
        }
    }

    /// Where the socket with this number is.
    pub(super) fn find(&mut self, number: RawFd) -> Option<Place> {
        let number = number.cast_unsigned();
        let any = Place {
            number,
            generation: 0,
        };
        let generation = self.slot(any)?.as_ref()?.generation;
        Some(Place { number, generation })
    }

    pub(super) fn remembers(&mut self, place: Place, socket: Remembered) -> bool {
        self.entry(place)
            .is_some_and(|entry| entry.remembered == socket)
    }

    /// The places of the entries that answer to a question.
    pub(super) fn places_of(&self, question: impl Fn(&Entry) -> bool) -> Vec<Place> {
        let entries = self.pieces.iter().flatten().flat_map(|piece| piece.iter());
        entries
            .flatten()
            .filter(|entry| question(entry))
            .map(|entry| Place {
                number: entry.remembered.number().cast_unsigned(),
                generation: entry.generation,
            })
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn slot(&mut self, place: Place) -> Option<&mut Option<Entry>> {
        let (piece, index) = place.split();
        self.pieces.get_mut(piece)?.as_mut()?.get_mut(index)
    }
}
