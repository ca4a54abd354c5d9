//! The worst case over every RTO that a path can have.
//!
//! The largest RTO is not always the worst: with a smaller one the last retransmission can just
//! miss the limit, so that one more wait, the longest of all, is added. The rules of the forecast
//! are told for a range of RTOs as well as for one, and what they say of a range bounds what they
//! say of each RTO in it. Ranges are halved until the bound is that of one RTO.

use super::case::Case;
use crate::wheel::Stretch;

impl Case<'_> {
    /// The end that comes last.
    pub(super) fn latest(self, end: impl Fn(Self) -> Stretch) -> Stretch {
        self.extreme(end, |end| end.last)
    }

    /// The end that comes first.
    pub(super) fn earliest(self, end: impl Fn(Self) -> Stretch) -> Stretch {
        self.extreme(end, |end| -end.first)
    }

    pub(super) fn with_rto(self, rto: Stretch) -> Self {
        Self { rto, ..self }
    }

    /// The end that ranks highest of all in `self.rto`.
    fn extreme(self, end: impl Fn(Self) -> Stretch, rank: impl Fn(Stretch) -> i64) -> Stretch {
        let end = |rto| end(self.with_rto(rto));
        let mut found = end(Stretch::at(self.rto.last));
        if self.rto.is_exact() {
            return found;
        }
        let mut ranges = vec![self.rto];
        while let Some(range) = ranges.pop() {
            let bound = end(range);
            if rank(bound) <= rank(found) {
                continue;
            }
            if range.is_exact() {
                found = bound;
                continue;
            }
            let middle = range.first + (range.last - range.first) / 2;
            ranges.push(Stretch::between(range.first, middle));
            ranges.push(Stretch::between(middle + 1, range.last));
        }
        found
    }
}
