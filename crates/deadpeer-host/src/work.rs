//! What takes time and never waits: its caller does.

use std::time::Instant;

/// Work that takes time. It never waits itself: its caller does, in a loop of his own and as he
/// likes, until [`poll_timeout`](Self::poll_timeout), and then calls
/// [`handle_timeout`](Self::handle_timeout).
///
/// Work can be dropped at any time: it leaves nothing half done, and nothing borrowed.
pub trait Work {
    /// What can end the work early.
    type Error;

    /// When it wants to be called next, perhaps at once; `None`: it is done.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Does what is due by `now`.
    ///
    /// # Errors
    /// The work can't go on.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), Self::Error>;
}
