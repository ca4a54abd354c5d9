//! Whether an experiment measured its subject or the wire.

use std::time::Duration;

/// The delay that the wire promises not to add.
const PROMISE: Duration = Duration::from_millis(1);

/// What went wrong on the wire itself, beside everything that rules do. In an experiment that means
/// something, all are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mishaps {
    /// Packets lost because the wire's thread was too late to read them.
    pub overruns: u64,
    /// Packets that the kernel did not take for sending; those to an unplugged host are not
    /// counted.
    pub refused: u64,
    /// Packets that are missing in the captures.
    pub uncaptured: u64,
}

/// How late frames were handed to the kernel, compared with the time that arrival and rules gave
/// them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Punctuality {
    /// Frames sent.
    pub frames: u64,
    /// Those that were more than 1 ms late: the machine was too busy to run the wire's thread.
    pub late: u64,
    /// The latest of all.
    pub worst: Duration,
}

impl Punctuality {
    pub(super) fn note(&mut self, lateness: Duration) {
        self.frames += 1;
        self.late += u64::from(lateness > PROMISE);
        self.worst = self.worst.max(lateness);
    }
}
