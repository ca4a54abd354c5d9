//! Signals (signal(7)): noted and readable, or read one by one.
//!
//! - [`Interruption`]: being told to end. A flag and a descriptor, for loops that look or wait.
//! - [`Inbox`]: every signal as a value with its origin, for a process that passes them on.
//!
//! What a process does with a signal belongs to the whole process, so this is for programs, not for
//! libraries.

mod inbox;
mod interruption;
mod mask;

pub use inbox::{Inbox, Received};
pub use interruption::{Interruption, Second, TO_END, ended_by, heed, that_end};
pub use rustix::process::Signal;

pub(crate) use mask::unblock_all;

use crate::{Result, door};

/// The real-time signals, which have no names (signal(7)): those that the C library leaves to
/// programs.
pub fn real_time() -> impl Iterator<Item = Signal> {
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).filter_map(numbered)
}

/// The signal with a number, if it has a name or is a real-time signal.
fn numbered(number: i32) -> Option<Signal> {
    let is_real_time = (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number);
    // SAFETY: it is none of those that the C library keeps for itself.
    let real_time = is_real_time.then(|| unsafe { Signal::from_raw_unchecked(number) });
    real_time.or_else(|| Signal::from_named_raw(number))
}

/// Ignores a signal from now on.
pub(crate) fn ignore(signal: Signal) -> Result<()> {
    // SAFETY: ignoring a signal installs no handler.
    let ignore = || match unsafe { libc::signal(signal.as_raw(), libc::SIG_IGN) } {
        libc::SIG_ERR => Err(door::last()),
        _ => Ok(()),
    };
    door::call("signal", ignore)
}
