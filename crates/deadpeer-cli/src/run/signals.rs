//! Which signals go where.

use deadpeer_sys::SysError;
use deadpeer_sys::signals::{Inbox, Received, Signal};

/// What is passed on to the program. It also gets what a terminal sends, for it is in the same
/// process group.
const PASSED_ON: [Signal; 9] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
];

/// The signals of this process, from now on read here. A program that is started is born without
/// that.
pub(super) fn open() -> Result<Inbox, SysError> {
    let mut signals = PASSED_ON.to_vec();
    signals.push(Signal::CHILD);
    Inbox::open(&signals)
}

/// The signal that somebody sent to us alone, and that the program is to get: not one of a child's,
/// nor one that a terminal sent to all.
pub(super) fn for_program(received: Received) -> Option<Signal> {
    (received.signal != Signal::CHILD && !received.by_kernel).then_some(received.signal)
}
