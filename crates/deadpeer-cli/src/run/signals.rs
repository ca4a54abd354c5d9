//! Which signals go where.

use deadpeer_sys::SysError;
use deadpeer_sys::signals::{Inbox, Received, Signal, that_end};

/// What is passed on to the program besides what would end us and leave the program without
/// protection. It also gets what a terminal sends, for it is in the same process group.
const PASSED_ON: [Signal; 6] = [
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
    Signal::URG,
    // For faults of our own they aren't read: the kernel ends us.
    Signal::SEGV,
    Signal::BUS,
];

/// The signals of this process, from now on read here. A program that is started is born without
/// that.
pub(super) fn open() -> Result<Inbox, SysError> {
    let mut signals: Vec<Signal> = that_end().chain(PASSED_ON).collect();
    signals.push(Signal::CHILD);
    Inbox::open(&signals)
}

/// The signal that somebody sent to us alone, and that the program is to get: not one of a child's,
/// nor one that a terminal sent to all.
pub(super) fn for_program(received: Received) -> Option<Signal> {
    (received.signal != Signal::CHILD && !received.by_kernel).then_some(received.signal)
}
