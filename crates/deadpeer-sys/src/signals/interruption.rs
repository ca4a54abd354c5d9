//! Being told to end: by Ctrl-C, by `SIGTERM`, by a terminal that goes.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;

use crate::{Result, SysError, door};

/// The signals by which a program is asked to end.
pub const TO_END: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// Every signal that ends a process which does nothing about it (signal(7)), but for `SIGKILL`, and
/// for `SIGPIPE`, `SIGSEGV` and `SIGBUS`, about which the standard library does something.
pub fn that_end() -> impl Iterator<Item = Signal> {
    let named = [
        Signal::QUIT,
        Signal::ABORT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::POWER,
        Signal::STKFLT,
        Signal::XCPU,
        Signal::XFSZ,
        Signal::ILL,
        Signal::TRAP,
        Signal::FPE,
        Signal::SYS,
    ];
    TO_END.into_iter().chain(named).chain(super::real_time())
}

/// What a second signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// What it would do without this: it ends the process where it stands, if it comes a second
    /// after the first or later. Terminals that close and service managers send two at once.
    Ends,
    /// Nothing more than the first, unless it is a `SIGQUIT` (Ctrl-\\) a second later: that ends
    /// the process.
    IsNoted,
}

/// As long as this lives, the first signal to end is noted: [`came`](Self::came) is true, and the
/// descriptor is readable from then on. Dropped, signals do what they did before.
///
/// A process has one at a time: what it does with a signal is one thing.
#[derive(Debug)]
pub struct Interruption {
    read: OwnedFd,
    _write: OwnedFd,
    before: Vec<(Signal, Action)>,
}

/// Whether there is one.
static WATCHED: AtomicBool = AtomicBool::new(false);
static CAME: AtomicBool = AtomicBool::new(false);
/// The first signal that came; 0: none.
static FIRST: AtomicI32 = AtomicI32::new(0);
/// When it came, in nanoseconds of CLOCK_MONOTONIC; the largest number until that is known.
static FIRST_AT: AtomicU64 = AtomicU64::new(0);
static SECOND_ENDS: AtomicBool = AtomicBool::new(false);
/// Where the handler writes.
static WRITE_END: AtomicI32 = AtomicI32::new(-1);

impl Interruption {
    /// Notes these signals from now on, but for those that are ignored: whoever started us wants us
    /// to live on, as nohup(1) does.
    ///
    /// # Errors
    /// `EBUSY`: there is one already. `EMFILE` and the like.
    pub fn watch(signals: &[Signal], second: Second) -> Result<Self> {
        let (read, write) = door::call("pipe2", || {
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
        })?;
        if WATCHED.swap(true, Ordering::SeqCst) {
            return Err(SysError {
                call: "sigaction",
                errno: Errno::BUSY,
            });
        }
        CAME.store(false, Ordering::SeqCst);
        FIRST.store(0, Ordering::SeqCst);
        FIRST_AT.store(u64::MAX, Ordering::SeqCst);
        SECOND_ENDS.store(second == Second::Ends, Ordering::SeqCst);
        WRITE_END.store(write.as_raw_fd(), Ordering::SeqCst);
        let mut watching = Self {
            read,
            _write: write,
            before: Vec::new(),
        };
        for signal in signals {
            if !Action::of_now(*signal)?.ignores() {
                let before = Action::noting().install(*signal)?;
                watching.before.push((*signal, before));
            }
        }
        Ok(watching)
    }

    /// Whether a signal has come.
    #[must_use]
    pub fn came(&self) -> bool {
        CAME.load(Ordering::SeqCst)
    }

    /// The same for whoever looks from another thread, for as long as the process lives. After this
    /// is dropped it says what was last.
    #[must_use]
    pub fn flag(&self) -> &'static AtomicBool {
        &CAME
    }

    /// The first signal that came.
    #[must_use]
    pub fn first(&self) -> Option<Signal> {
        ended_by()
    }
}

/// The first signal that the last [`Interruption`] of this process noted, also once that is
/// dropped.
#[must_use]
pub fn ended_by() -> Option<Signal> {
    super::numbered(FIRST.load(Ordering::SeqCst))
}

impl AsFd for Interruption {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

impl Drop for Interruption {
    fn drop(&mut self) {
        for (signal, before) in self.before.drain(..) {
            // It was in force before.
            let _ = before.install(signal);
        }
        WRITE_END.store(-1, Ordering::SeqCst);
        WATCHED.store(false, Ordering::SeqCst);
    }
}

/// What happens on a signal.
#[derive(Clone, Copy)]
struct Action(libc::sigaction);

impl Action {
    /// Notes it; calls that it interrupts go on.
    fn noting() -> Self {
        let handler: extern "C" fn(libc::c_int, *const libc::siginfo_t, *const libc::c_void) = note;
        let mut action = Self::of(handler as *const () as libc::sighandler_t);
        action.0.sa_flags |= libc::SA_SIGINFO;
        action
    }

    fn of(handler: libc::sighandler_t) -> Self {
        let action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: all zeroes are a valid action: SIG_DFL, no flags, an empty mask.
        let mut action = unsafe { action.assume_init_read() };
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        Self(action)
    }

    /// What is in force.
    fn of_now(signal: Signal) -> Result<Self> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: nothing is set; what is in force is written to a local.
        door::number("sigaction", || unsafe {
            libc::sigaction(signal.as_raw(), std::ptr::null(), now.as_mut_ptr())
        })?;
        // SAFETY: the call succeeded and has written it.
        Ok(Self(unsafe { now.assume_init() }))
    }

    fn ignores(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Returns what was in force before.
    fn install(&self, signal: Signal) -> Result<Self> {
        let mut before = MaybeUninit::uninit();
        // SAFETY: the action is valid; our handler does only what a handler may (signal-safety(7)).
        door::number("sigaction", || unsafe {
            libc::sigaction(signal.as_raw(), &raw const self.0, before.as_mut_ptr())
        })?;
        // SAFETY: the call succeeded and has written it.
        Ok(Self(unsafe { before.assume_init() }))
    }
}

/// A signal that is ignored does again what it does to a process by itself.
///
/// # Errors
/// None that is known.
pub fn heed(signal: Signal) -> Result<()> {
    if Action::of_now(signal)?.ignores() {
        Action::of(libc::SIG_DFL).install(signal)?;
    }
    Ok(())
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Action")
    }
}

fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (s, ns) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    s.saturating_mul(1_000_000_000).saturating_add(ns)
}

/// What comes so soon after the first signal, in nanoseconds, belongs to it.
const TOGETHER: u64 = 1_000_000_000;

/// Runs in the middle of whatever the process does: atomics, clock_gettime(2), write(2),
/// sigaction(2) and raise(3) alone.
extern "C" fn note(
    signal: libc::c_int,
    info: *const libc::siginfo_t,
    _context: *const libc::c_void,
) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid one.
    if is_own_fault(unsafe { &*info }) {
        end(signal);
        return;
    }
    let first = FIRST.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    if first.is_err() {
        let since = monotonic_ns().saturating_sub(FIRST_AT.load(Ordering::SeqCst));
        let ends = SECOND_ENDS.load(Ordering::SeqCst) || signal == libc::SIGQUIT;
        if ends && since >= TOGETHER {
            end(signal);
        }
        return;
    }
    FIRST_AT.store(monotonic_ns(), Ordering::SeqCst);
    CAME.store(true, Ordering::SeqCst);
    let fd = WRITE_END.load(Ordering::SeqCst);
    if fd >= 0 {
        // SAFETY: it is ours while handlers are installed; one byte of a local is written.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        // A system call of rustix leaves the C library's errno alone. The pipe is empty, so there
        // is room.
        let _ = rustix::io::write(fd, b"!");
    }
}

/// Whether it is for what this process has just done that the kernel sends it: the faulty
/// instruction would only be tried again.
fn is_own_fault(info: &libc::siginfo_t) -> bool {
    let faults = [libc::SIGILL, libc::SIGTRAP, libc::SIGFPE, libc::SIGSYS];
    faults.contains(&info.si_signo) && info.si_code > 0
}

/// The signal does what it does by itself, as soon as the handler returns.
fn end(signal: libc::c_int) {
    let default = Action::of(libc::SIG_DFL);
    // SAFETY: the default action is valid, and the old one is not asked for.
    unsafe { libc::sigaction(signal, &raw const default.0, std::ptr::null_mut()) };
    // SAFETY: raising a signal that has just come; it waits until this returns.
    unsafe { libc::raise(signal) };
}
