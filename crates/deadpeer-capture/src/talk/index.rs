//! From a hash to a place, in eight bytes each.
//!
//! Open addressing with linear probing. The entries hold no key: whoever asks compares with what is
//! at the place, which it needs anyway, so that a look-up touches little memory.

/// A table of hashes, at most half full.
#[derive(Debug)]
pub(super) struct Index {
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Slot {
    hash: u32,
    /// The place, counted from 1; 0: nothing here.
    place: u32,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); 1024],
            used: 0,
        }
    }
}

impl Index {
    /// The places with this hash.
    pub(super) fn places(&self, hash: u32) -> impl Iterator<Item = usize> {
        let mask = self.slots.len() - 1;
        (0..self.slots.len())
            .map(move |step| self.slots[(hash as usize + step) & mask])
            .take_while(|slot| slot.place != 0)
            .filter(move |slot| slot.hash == hash)
            .map(|slot| slot.place as usize - 1)
    }

    pub(super) fn insert(&mut self, hash: u32, place: usize) {
        if self.used * 2 >= self.slots.len() {
            let larger = vec![Slot::default(); self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, larger) {
                if slot.place != 0 {
                    self.put(slot);
                }
            }
        }
        self.used += 1;
        self.put(Slot {
            hash,
            place: place as u32 + 1,
        });
    }

    /// Forgets a place, if it is there.
    pub(super) fn remove(&mut self, hash: u32, place: usize) {
        let mask = self.slots.len() - 1;
        let wanted = Slot {
            hash,
            place: place as u32 + 1,
        };
        let mut hole = hash as usize & mask;
        while self.slots[hole] != wanted {
            if self.slots[hole].place == 0 {
                return;
            }
            hole = (hole + 1) & mask;
        }
        self.used -= 1;
        // Moves back what would not be found behind a hole.
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let slot = self.slots[next];
            if slot.place == 0 {
                break;
            }
            let home = slot.hash as usize & mask;
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = next;
            }
        }
        self.slots[hole] = Slot::default();
    }

    fn put(&mut self, new: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = new.hash as usize & mask;
        while self.slots[at].place != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = new;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few different hashes, so that they collide and wrap around the end.
        #[test]
        fn it_holds_what_a_set_holds(steps in prop::collection::vec((any::<bool>(), 0_u32..12, 0_usize..40), 0..3000)) {
            let mut index = Index::default();
            let mut set = BTreeSet::new();
            for (add, hash, place) in steps {
                let hash = hash.wrapping_sub(6);
                if add && set.insert((hash, place)) {
                    index.insert(hash, place);
                } else if !add {
                    set.remove(&(hash, place));
                    index.remove(hash, place);
                }
                let held: BTreeSet<_> = index.places(hash).collect();
                let expected: BTreeSet<_> = set.iter().filter(|(h, _)| *h == hash).map(|(_, p)| *p).collect();
                prop_assert_eq!(held, expected);
            }
        }

        #[test]
        fn it_grows(hashes in prop::collection::vec(any::<u32>(), 0..5000)) {
            let mut index = Index::default();
            for (place, hash) in hashes.iter().enumerate() {
                index.insert(*hash, place);
            }
            for (place, hash) in hashes.iter().enumerate() {
                prop_assert!(index.places(*hash).any(|found| found == place));
            }
        }
    }
}
