//! Our own bytes on their way into the transport.

use std::time::Duration;

/// Whether our bytes make progress.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Queue {
    /// Since when bytes wait and none is taken.
    waiting_since: Option<Duration>,
    /// Whether that was reported as stuck.
    pub(super) reported: bool,
}

impl Queue {
    pub(super) fn wait(&mut self, now: Duration) {
        self.waiting_since.get_or_insert(now);
    }

    /// The transport took bytes; returns whether it was stuck.
    pub(super) fn progress(&mut self) -> bool {
        self.waiting_since = None;
        std::mem::take(&mut self.reported)
    }

    pub(super) fn waiting_since(&self) -> Option<Duration> {
        self.waiting_since
    }
}
