//! Descriptors that this process was given by whoever started it, for the program that it starts.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;

use crate::door;

/// A descriptor and its number, which the program that we start finds it by.
#[derive(Debug)]
pub struct Inherited {
    /// The number.
    pub number: RawFd,
    /// Ours; the program's own is a copy.
    pub descriptor: OwnedFd,
}

/// Takes every descriptor above the standard three that a program started by us gets as well
/// (those without close-on-exec): the sockets that systemd passes (sd_listen_fds(3)), pipes of a
/// shell. Dropped, they are closed here; what we kept open would stay open when the program closes
/// it.
///
/// To be called first of all, and once: a second call returns nothing.
///
/// # Errors
/// `/proc` cannot be read.
pub fn take() -> io::Result<Vec<Inherited>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let numbers: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2 && passes_exec(*number))
        .collect();
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let take = |number| Inherited {
        number,
        // SAFETY: it was open a moment ago, and is nobody's here: whatever this process opens
        // itself, by std or rustix, has close-on-exec. Nobody takes it twice.
        descriptor: unsafe { OwnedFd::from_raw_fd(number) },
    };
    Ok(numbers.into_iter().map(take).collect())
}

/// `false` for the descriptor that the directory was read by, too.
fn passes_exec(number: RawFd) -> bool {
    // SAFETY: it is asked for its flags alone; a number that is none is an error.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_getfd(descriptor).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC))
}

/// Copies of standard input and output where they are sockets: inetd(8) and systemd's
/// `StandardInput=socket` pass a connection so.
#[must_use]
pub fn standard_sockets() -> Vec<Inherited> {
    let (input, output) = (io::stdin(), io::stdout());
    let standard = [(0, input.as_fd()), (1, output.as_fd())];
    let sockets = standard.into_iter().filter_map(|(number, stream)| {
        rustix::net::sockopt::socket_type(stream).ok()?;
        Some(Inherited {
            number,
            descriptor: stream.try_clone_to_owned().ok()?,
        })
    });
    sockets.collect()
}

/// Leaves a standard stream that [`standard_sockets`] showed to the program alone: ours becomes
/// `/dev/null`.
///
/// # Errors
/// `/dev/null` can't be opened.
pub fn let_go_of_standard(number: RawFd) -> io::Result<()> {
    let nothing = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    match number {
        0 => door::call("dup2", || rustix::stdio::dup2_stdin(&nothing))?,
        1 => door::call("dup2", || rustix::stdio::dup2_stdout(&nothing))?,
        _ => {}
    }
    Ok(())
}
