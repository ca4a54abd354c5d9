//! Probes that would come in the same tick, within this machine.

use std::fmt;
use std::time::Duration;

use crate::duration::Upper;

/// Ends of connections within this machine that would probe in the same tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How many.
    pub sockets: u64,
    /// What the receive backlog holds, packets (net.core.netdev_max_backlog).
    pub backlog: u64,
    /// How many are changed at a time.
    pub batch: u64,
    /// Whether no probe is lost that way.
    pub fits: bool,
    /// The most sockets of which none is lost.
    pub most_sockets: u64,
    /// The backlog that all of them need.
    pub backlog_needed: u64,
}

impl Burst {
    /// That they are changed in batches, and how long that takes.
    pub(super) fn write_in_batches(
        &self,
        f: &mut fmt::Formatter<'_>,
        takes: Duration,
    ) -> fmt::Result {
        write!(
            f,
            "{} of these are ends of connections within this machine. Changed all at once, they would probe in the same tick, but the receive backlog holds only {} packets. So they are changed {} at a time, which takes about {}.{}",
            self.sockets,
            self.backlog,
            self.batch,
            Upper(takes),
            match self.fits {
                true => "",
                false => " Even so, probes will be lost, and live connections may be.",
            }
        )
    }

    /// That they are not changed, and what would help.
    pub(super) fn write_refusal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Refused: {} of these are ends of connections within this machine that would probe in the same ticks, but the receive backlog holds only {} packets, so live connections would be lost (nothing was changed). Select at most {} of them with a filter, raise net.core.netdev_max_backlog to {} or more, try another --within, or use --force to do it anyway.",
            self.sockets, self.backlog, self.most_sockets, self.backlog_needed
        )
    }
}
