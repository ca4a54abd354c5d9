//! What a capture held altogether.

use std::collections::BTreeMap;

use crate::dissect::Skip;

/// Counts over a whole capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Packets.
    pub packets: u64,
    /// TCP segments.
    pub segments: u64,
    /// Segments that acknowledge and do nothing else. A whole capture of data has some.
    pub bare_acknowledgments: u64,
    /// Segments that ask to open. A capture of nothing else is one of a connect() that fails.
    pub openings: u64,
    /// Segments that the capture has more than once.
    pub seen_twice: u64,
    /// ICMP errors about TCP segments.
    pub icmp_errors: u64,
    /// Of these, about connections that the capture doesn't have.
    pub strange_complaints: u64,
    /// Packets without a time of their own.
    pub untimed: u64,
    /// How often the clock was set back.
    pub clock_steps: u32,
    /// How often nothing was captured for more than 30 days: what follows is another capture.
    pub apart: u32,
    /// Packets with a time that is months or years from those around them: a broken clock.
    pub mistimed: u64,
    /// Connections.
    pub connections: u64,
    /// Of these, forgotten because there were too many.
    pub evicted: u64,
    pub(super) skipped: Skipped,
}

impl Totals {
    /// Packets that told nothing about a TCP connection, by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (Skip, u64)> {
        self.skipped.0.iter().map(|(skip, count)| (*skip, *count))
    }
}

/// Packets by the reason why they tell nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Skipped(BTreeMap<Skip, u64>);

impl Skipped {
    pub(super) fn count(&mut self, skip: Skip) {
        *self.0.entry(skip).or_default() += 1;
    }
}
