//! Which signals go where.

use deadpeer_sys::SysError;
use deadpeer_sys::signals::{Inbox, Received, Signal, real_time};

/// What is passed on to the program, as are the real-time signals: whatever would end us, and leave
/// the program without protection, but for SIGKILL and our own faults. It also gets what a terminal
/// sends, for it is in the same process group.
const PASSED_ON: [Signal; 18] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::URG,
];

/// The signals of this process, from now on read here. A program that is started is born without
/// that.
pub(super) fn open() -> Result<Inbox, SysError> {
    let mut signals = PASSED_ON.to_vec();
    signals.extend(real_time());
    signals.push(Signal::CHILD);
    Inbox::open(&signals)
}

/// The signal that somebody sent to us alone, and that the program is to get: not one of a child's,
/// nor one that a terminal sent to all.
pub(super) fn for_program(received: Received) -> Option<Signal> {
    (received.signal != Signal::CHILD && !received.by_kernel).then_some(received.signal)
}
