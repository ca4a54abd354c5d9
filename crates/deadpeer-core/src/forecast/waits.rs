//! The waits of a timer that is armed again and again.

use crate::wheel::Stretch;

/// Waits that double until they reach a cap. Where the first is known to lie in a range, so do the
/// others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    next: Stretch,
    cap: Stretch,
    /// How many waits from now on are followed by an equal one.
    held: u64,
}

impl Waits {
    /// Doubling from `first` to `cap`.
    pub(super) fn doubling(first: Stretch, cap: Stretch) -> Self {
        Self::holding(0, first, cap)
    }

    /// Always the same.
    pub(super) fn constant(wait: Stretch) -> Self {
        Self::doubling(wait, wait)
    }

    /// `first` once and `held` times more, then doubling to `cap`.
    pub(super) fn holding(held: u64, first: Stretch, cap: Stretch) -> Self {
        let cap = cap.at_least(1);
        Self {
            next: first.at_least(1).lesser_of(cap),
            cap,
            held,
        }
    }

    pub(super) fn take(&mut self) -> Stretch {
        let wait = self.next;
        if self.held > 0 {
            self.held -= 1;
        } else {
            self.next = wait.doubled(1).lesser_of(self.cap);
        }
        wait
    }

    /// The wait that all others will be equal to, if that is known.
    pub(super) fn settled(self) -> Option<i64> {
        (self.next == self.cap && self.cap.is_exact()).then_some(self.cap.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_stops_at_the_cap() {
        let mut waits = Waits::doubling(Stretch::at(50), Stretch::at(300));
        let taken: Vec<_> = (0..5).map(|_| waits.take().last).collect();
        assert_eq!(taken, [50, 100, 200, 300, 300]);
        let mut waits = Waits::holding(2, Stretch::at(50), Stretch::at(300));
        let taken: Vec<_> = (0..5).map(|_| waits.take().last).collect();
        assert_eq!(taken, [50, 50, 50, 100, 200]);
    }
}
