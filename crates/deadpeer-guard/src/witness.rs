//! Who is told what a daemon does: whoever remembers it, and whoever shows it.

use std::time::Instant;

use crate::event::Event;
use crate::readings::Readings;

/// Hears and sees what a [`Daemon`](crate::Daemon) does, on the thread of its loop: it must not
/// wait.
pub trait Witness {
    /// Something happened. Each event is told once, in order.
    fn hear(&mut self, event: &Event);

    /// How things stand, told after each sweep and after whatever was asked of the daemon.
    /// `next_sweep`: when that is due.
    fn see(&mut self, readings: &Readings, next_sweep: Instant);
}
