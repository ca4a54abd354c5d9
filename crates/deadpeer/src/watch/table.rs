//! The watched sockets by the number of their descriptor.

use std::os::fd::RawFd;

use deadpeer_core::Judge;
use deadpeer_sys::Remembered;

use super::loan::Loan;
use crate::death::Known;

/// Numbers of descriptors are dense, so the table is one too, in pieces that come when they are
/// needed.
const PIECE: usize = 64;

/// What is remembered of a socket, beside its number: that is its place.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) cookie: u64,
    pub(super) known: Known,
    /// It was told that the peer has ended its half, and the watch goes on.
    pub(super) is_half_over: bool,
    pub(super) charge: Option<Charge>,
    generation: u32,
}

/// What is kept of a supervised connection.
#[derive(Debug)]
pub(super) struct Charge {
    pub(super) judge: Judge,
    pub(super) loan: Loan,
}

// There is one for every watched connection.
const _: () = assert!(size_of::<Option<Entry>>() <= 176);

impl Entry {
    pub(super) fn new(key: u64, cookie: u64, known: Known, charge: Option<Charge>) -> Self {
        Self {
            key,
            cookie,
            known,
            is_half_over: false,
            charge,
            generation: 0,
        }
    }

    /// The socket that stands at this place.
    pub(super) fn socket(&self, place: Place) -> Remembered {
        Remembered::under(place.number(), self.cookie)
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
    pub(super) fn insert(&mut self, number: RawFd, mut entry: Entry) -> Place {
        self.generations = self.generations.wrapping_add(1);
        entry.generation = self.generations;
        let place = Place {
            number: number.cast_unsigned(),
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

    /// Takes an entry out.
    pub(super) fn take(&mut self, place: Place) -> Option<Entry> {
        self.entry(place)?;
        self.len -= 1;
        self.slot(place)?.take()
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

    /// The places of the sockets that answer to a question.
    pub(super) fn places_of(&self, question: impl Fn(Remembered) -> bool) -> Vec<Place> {
        let numbers = self.pieces.iter().enumerate().flat_map(|(index, piece)| {
            let entries = piece.iter().flat_map(|piece| piece.iter());
            (index * PIECE..).zip(entries)
        });
        numbers
            .filter_map(|(number, entry)| {
                let entry = entry.as_ref()?;
                let place = Place {
                    number: u32::try_from(number).ok()?,
                    generation: entry.generation,
                };
                question(entry.socket(place)).then_some(place)
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
