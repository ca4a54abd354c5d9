//! A circle of slots, each a bag of numbers.
//!
//! A bag is a chain of short lines from one pool: filing touches one, emptying reads whole lines
//! whose numbers don't depend on each other, and memory is that of the numbers, 4.1 bytes each.

/// How many slots the circle has.
pub(crate) const SLOTS: u64 = 4_096;
/// Numbers in two cache lines, which processors fetch together, beside the link.
pub(crate) const ROOM: usize = 31;
/// The end of a chain.
const END: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
#[repr(align(128))]
struct Line {
    numbers: [u32; ROOM],
    next: u32,
}

/// The first line of a chain; only that one may be partly filled.
#[derive(Debug, Clone, Copy)]
struct Chain {
    line: u32,
    filled: u32,
}

const EMPTY: Chain = Chain {
    line: END,
    filled: 0,
};

#[derive(Debug, Clone)]
pub(crate) struct Slots {
    chains: Vec<Chain>,
    lines: Vec<Line>,
    free: u32,
    /// One bit for each slot that is not empty.
    occupied: Vec<u64>,
}

/// What was taken out of a slot.
#[derive(Debug)]
pub(crate) struct Batch(Chain);

/// Some numbers of a batch.
#[derive(Debug)]
pub(crate) struct Numbers {
    numbers: [u32; ROOM],
    filled: usize,
}

impl Numbers {
    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.numbers[..self.filled]
    }
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self {
            chains: vec![EMPTY; SLOTS as usize],
            lines: Vec::new(),
            free: END,
            occupied: vec![0; SLOTS as usize / 64],
        }
    }

    /// The slot of a tick.
    pub(crate) fn of(tick: u64) -> u16 {
        (tick % SLOTS) as u16
    }

    /// Puts a number into the slot of `tick`.
    #[inline]
    pub(crate) fn file(&mut self, tick: u64, number: u32) {
        let slot = usize::from(Self::of(tick));
        let Chain { line, filled } = self.chains[slot];
        if line == END || filled as usize == ROOM {
            self.lengthen(slot, number);
            return;
        }
        self.lines[line as usize].numbers[filled as usize] = number;
        self.chains[slot].filled = filled + 1;
    }

    /// Takes out all that is in the slot of `tick`. Draw the batch with [`next`](Self::next) until
    /// `None`.
    pub(crate) fn take(&mut self, tick: u64) -> Batch {
        let slot = usize::from(Self::of(tick));
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        Batch(std::mem::replace(&mut self.chains[slot], EMPTY))
    }

    /// The next numbers of a batch; their line is free at once.
    #[inline]
    pub(crate) fn next(&mut self, batch: &mut Batch) -> Option<Numbers> {
        let Chain { line, filled } = batch.0;
        if line == END {
            return None;
        }
        let place = &mut self.lines[line as usize];
        let numbers = place.numbers;
        batch.0 = Chain {
            line: place.next,
            filled: ROOM as u32,
        };
        place.next = std::mem::replace(&mut self.free, line);
        let filled = filled as usize;
        Some(Numbers { numbers, filled })
    }

    /// The first tick after `tick` whose slot is not empty.
    pub(crate) fn first_after(&self, tick: u64) -> Option<u64> {
        let words = self.occupied.len();
        let begin = tick + 1;
        let slot = usize::from(Self::of(begin));
        let (word, bit) = (slot / 64, slot % 64);
        // The word of the first slot twice: its high bits first, its low bits last.
        let high = self.occupied[word] >> bit << bit;
        let found = std::iter::once((word, high))
            .chain(
                (1..words)
                    .map(|n| (word + n) % words)
                    .map(|w| (w, self.occupied[w])),
            )
            .chain([(word, self.occupied[word] ^ high)])
            .find(|(_, bits)| *bits != 0)?;
        let occupied = (found.0 * 64) as u64 + u64::from(found.1.trailing_zeros());
        Some(begin + (occupied + SLOTS - slot as u64) % SLOTS)
    }

    #[cold]
    fn lengthen(&mut self, slot: usize, number: u32) {
        let mut line = Line {
            numbers: [0; ROOM],
            next: self.chains[slot].line,
        };
        line.numbers[0] = number;
        let index = self.free;
        if let Some(place) = self.lines.get_mut(index as usize) {
            self.free = std::mem::replace(place, line).next;
            self.chains[slot].line = index;
        } else {
            self.chains[slot].line = self.lines.len() as u32;
            if self.lines.len() == self.lines.capacity() {
                // By an eighth, not by as much again: there are millions.
                self.lines.reserve_exact(self.lines.len() / 8 + 64);
            }
            self.lines.push(line);
        }
        self.chains[slot].filled = 1;
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(slots: &mut Slots, tick: u64) -> Vec<u32> {
        let mut batch = slots.take(tick);
        let mut numbers = Vec::new();
        while let Some(some) = slots.next(&mut batch) {
            numbers.extend_from_slice(some.as_slice());
        }
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn what_goes_in_comes_out_and_its_lines_are_used_again() {
        let mut slots = Slots::new();
        for round in 0..10_u64 {
            for number in 0..1_000 {
                slots.file(round + u64::from(number % 3), number);
            }
            for third in 0..3 {
                let expected: Vec<u32> = (0..1_000).filter(|n| n % 3 == third).collect();
                assert_eq!(all(&mut slots, round + u64::from(third)), expected);
            }
        }
        assert!(slots.lines.len() <= 1_000 / ROOM + 3);
    }

    #[test]
    fn the_next_slot_is_found_all_around() {
        let mut slots = Slots::new();
        assert_eq!(slots.first_after(0), None);
        for tick in [1, 5, 63, 64, 100, SLOTS - 1, SLOTS, SLOTS + 17] {
            for before in [0, 1, 4, 62, 63, 64, 99, 4_000, SLOTS - 2, SLOTS + 16] {
                slots.file(tick, 1);
                let found = slots.first_after(before).unwrap();
                assert!(
                    found > before && found <= before + SLOTS,
                    "{tick} after {before}"
                );
                assert_eq!(Slots::of(found), Slots::of(tick));
                all(&mut slots, tick);
            }
        }
    }
}
