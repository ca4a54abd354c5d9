//! One connection: set its options, ask, wait for its end.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rust::{Apply as _, Ending, NotNow, Policy, SlowReaders};

use crate::cause::Cause;
use crate::error::{Error, Failure, answer};

/// What came of a ping.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum AnswerKind {
    /// The peer's kernel answered; `micros` is the round trip.
    Answered = 0,
    /// A probe went out and no answer came; `micros` is how long it was waited for. One probe may
    /// get lost: ask again.
    Unanswered = 1,
    /// Nothing was asked: the peer was heard within the last second, `micros` ago.
    HeardJustNow = 2,
    /// Nothing was asked: the kernel is asking by itself, because data is in flight or keepalive
    /// has come to its turn.
    KernelAsks = 3,
    /// Nothing was asked: an earlier ping is unanswered and the timeout is too short to wait and
    /// ask again.
    JustAsked = 4,
    /// Nothing was asked: by the socket's settings, one more unanswered probe would end the
    /// connection.
    LastProbe = 5,
    /// Nothing was asked: the socket was busy, or the timeout shorter than a timer tick.
    Busy = 6,
    /// There is no connection: the socket is fresh, connecting or listening.
    NotConnected = 7,
    /// The connection is over; `cause` says why.
    Dead = 8,
}

/// The answer to a ping.
#[repr(C)]
pub struct Answer {
    /// What came of it.
    pub kind: AnswerKind,
    /// Why the connection is over, as far as can be told without taking its error.
    pub cause: Cause,
    /// A time in microseconds, where the kind has one.
    pub micros: u64,
    /// Questions that the peer has not answered so far, where they are known.
    pub unanswered: u32,
}

/// The end of a connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Death {
    /// Why.
    pub cause: Cause,
    /// Whether that is certain. If not, the counters suggest it, and the errno is still the
    /// application's to take.
    pub certain: bool,
}

impl From<rust::Death> for Death {
    fn from(death: rust::Death) -> Self {
        Self {
            cause: death.cause().into(),
            certain: matches!(death.ending, Ending::Certain(_)),
        }
    }
}

/// Whether a FIN alone counts as the end of a connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum HalfClose {
    /// It does: a peer that has nothing more to say is gone. Right for most protocols.
    Ends = 0,
    /// It does not: the peer may still wait for an answer. The end is noticed once the connection
    /// is over in both directions.
    Lives = 1,
}

/// C can pass any number for an enum.
pub(crate) fn half_close_of(number: c_int) -> rust::HalfClose {
    match number == HalfClose::Lives as c_int {
        true => rust::HalfClose::Lives,
        false => rust::HalfClose::Ends,
    }
}

/// Whether a connection from a pool may be used again.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum ReuseKind {
    /// Yes: the peer was heard within the last second, `micros` ago.
    Heard = 0,
    /// Yes: it was asked and answered; `micros` is the round trip.
    Answered = 1,
    /// No: the connection is over, or the peer has closed its half; `cause` says why.
    Dead = 2,
    /// No: it was asked and has not answered in `micros`. One lost packet looks the same.
    Silent = 3,
    /// No: nothing could be asked.
    Unknown = 4,
    /// No: the socket is fresh, connecting or listening.
    NotConnected = 5,
}

/// How that is known.
#[repr(C)]
pub struct Reuse {
    /// Whether it may be used again.
    pub kind: ReuseKind,
    /// Why the connection is over.
    pub cause: Cause,
    /// A time in microseconds, where the kind has one.
    pub micros: u64,
    /// Questions that the peer has not answered so far.
    pub unanswered: u32,
}

/// Sets the socket options by which a peer that vanishes is noticed within so many milliseconds, in
/// every state of the connection. On a listener they go to every connection that it accepts from
/// then on.
///
/// `drop_slow_readers`: whether live peers that don't read for as long may be dropped with the
/// dead. Without it, a short deadline takes Linux 6.15 (TCP_RTO_MAX_MS) or a small
/// net.ipv4.tcp_retries2. How short it may be depends on the kernel and its sysctls: one that
/// cannot be kept is refused, and `nearest_ms` of the error says which could be. Returns 0, or 1 if
/// the socket lacks one of the options.
///
/// # Safety
/// `fd` stays open during the call. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_apply(
    fd: c_int,
    within_ms: u64,
    drop_slow_readers: bool,
    error: *mut Error,
) -> c_int {
    // SAFETY: open during the call, says the caller.
    let result = unsafe { borrow(fd) }.and_then(|fd| {
        let slow_readers = match drop_slow_readers {
            true => SlowReaders::Drop,
            false => SlowReaders::Keep,
        };
        let kernel = rust::running_kernel().map_err(|error| Failure::new(None, &error))?;
        let policy = Policy::detect_within(Duration::from_millis(within_ms));
        let plan = policy.slow_readers(slow_readers).plan(&kernel);
        let applied = plan?.apply(fd)?;
        Ok(c_int::from(!applied.is_complete()))
    });
    // SAFETY: null or valid, says the caller.
    unsafe { answer(result, error) }
}

/// Asks the peer's kernel whether the connection is still there, by a keepalive probe, and waits
/// for the answer. No byte of the application's is sent. For a few milliseconds SO_KEEPALIVE is on
/// and TCP_KEEPIDLE 1; then both are as before. Returns 0.
///
/// # Safety
/// `fd` stays open during the call. `result` is valid. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_ping(
    fd: c_int,
    timeout_ms: u32,
    result: *mut Answer,
    error: *mut Error,
) -> c_int {
    // SAFETY: open during the call, says the caller.
    let asked = unsafe { borrow(fd) }.and_then(|fd| {
        let answer = rust::ping(fd, Duration::from_millis(timeout_ms.into()))?;
        let answer = Answer::of(answer);
        // SAFETY: valid, says the caller.
        unsafe { result.write(answer) };
        Ok(0)
    });
    // SAFETY: null or valid, says the caller.
    unsafe { self::answer(asked, error) }
}

/// Whether a connection from a pool may be used again: looks for an end that nobody has read yet,
/// then for a recent sign of life, and asks the peer's kernel if there is none, for `timeout_ms` at
/// most. Returns 1 if it may and 0 if it may not, and fills `result`.
///
/// # Safety
/// `fd` stays open during the call. `result` is valid. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_reusable(
    fd: c_int,
    timeout_ms: u32,
    result: *mut Reuse,
    error: *mut Error,
) -> c_int {
    // SAFETY: open during the call, says the caller.
    let asked = unsafe { borrow(fd) }.and_then(|fd| {
        let reuse = rust::reusable(fd, Duration::from_millis(timeout_ms.into()))?;
        // SAFETY: valid, says the caller.
        unsafe { result.write(Reuse::of(reuse)) };
        Ok(c_int::from(reuse.is_reusable()))
    });
    // SAFETY: null or valid, says the caller.
    unsafe { answer(asked, error) }
}

/// Waits until the other end is gone, `timeout_ms` at most (negative: for ever). No byte is read
/// and no error taken, and arriving data wakes nobody. `half_close`: a `deadpeer_half_close`.
/// Returns 1 and fills `death` if it is, 0 if the time was over before.
///
/// # Safety
/// `fd` stays open during the call. `death` is valid. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_died(
    fd: c_int,
    half_close: c_int,
    timeout_ms: c_int,
    death: *mut Death,
    error: *mut Error,
) -> c_int {
    // SAFETY: open during the call, says the caller.
    let waited = unsafe { borrow(fd) }.and_then(|fd| {
        let Some(ended) = rust::died_with(fd, half_close_of(half_close), timeout(timeout_ms))?
        else {
            return Ok(0);
        };
        // SAFETY: valid, says the caller.
        unsafe { death.write(ended.into()) };
        Ok(1)
    });
    // SAFETY: null or valid, says the caller.
    unsafe { answer(waited, error) }
}

/// Takes the error of a connection (SO_ERROR) and says what it means. The application will not see
/// it any more: its next read returns a clean end of stream. Returns 1 and fills `cause`, or 0 if
/// the connection lives.
///
/// # Safety
/// `fd` stays open during the call. `cause` is valid. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_take_error(
    fd: c_int,
    cause: *mut Cause,
    error: *mut Error,
) -> c_int {
    // SAFETY: open during the call, says the caller.
    let taken = unsafe { borrow(fd) }.and_then(|fd| {
        let Some(found) = rust::take_error(fd)? else {
            return Ok(0);
        };
        // SAFETY: valid, says the caller.
        unsafe { cause.write(found.into()) };
        Ok(1)
    });
    // SAFETY: null or valid, says the caller.
    unsafe { answer(taken, error) }
}

impl Reuse {
    fn of(reuse: rust::Reuse) -> Self {
        let timed = |kind, time| Self {
            kind,
            cause: Cause::Unknown,
            micros: micros(time),
            unanswered: 0,
        };
        match reuse {
            rust::Reuse::Heard { ago } => timed(ReuseKind::Heard, ago),
            rust::Reuse::Answered { rtt } => timed(ReuseKind::Answered, rtt),
            rust::Reuse::Dead(death) => Self {
                cause: death.cause().into(),
                ..timed(ReuseKind::Dead, Duration::ZERO)
            },
            rust::Reuse::Silent { waited, unanswered } => Self {
                unanswered,
                ..timed(ReuseKind::Silent, waited)
            },
            rust::Reuse::NotConnected => timed(ReuseKind::NotConnected, Duration::ZERO),
            rust::Reuse::Unknown | _ => timed(ReuseKind::Unknown, Duration::ZERO),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Answer {
    fn of(answer: rust::Answer) -> Self {
        let plain = |kind| Self {
            kind,
            cause: Cause::Unknown,
            micros: 0,
            unanswered: 0,
        };
        let timed = |kind, time: Duration| Self {
            micros: micros(time),
            ..plain(kind)
        };
        let counted = |kind, unanswered| Self {
            unanswered,
            ..plain(kind)
        };
        match answer {
            rust::Answer::Answered { rtt } => timed(AnswerKind::Answered, rtt),
            rust::Answer::Unanswered { waited } => timed(AnswerKind::Unanswered, waited),
            rust::Answer::Dead(death) | rust::Answer::Ended(death) => Self {
                cause: death.cause().into(),
                ..plain(AnswerKind::Dead)
            },
            rust::Answer::NotNow(why) => match why {
                NotNow::Heard { ago } => timed(AnswerKind::HeardJustNow, ago),
                NotNow::InFlight { unanswered }
                | NotNow::Queued { unanswered }
                | NotNow::KernelAsks { unanswered } => counted(AnswerKind::KernelAsks, unanswered),
                NotNow::JustAsked { unanswered } => counted(AnswerKind::JustAsked, unanswered),
                NotNow::LastProbe { unanswered } => counted(AnswerKind::LastProbe, unanswered),
                NotNow::NotConnected => plain(AnswerKind::NotConnected),
                NotNow::Busy | _ => plain(AnswerKind::Busy),
            },
            _ => plain(AnswerKind::Busy),
        }
    }
}

/// # Safety
/// The descriptor stays open as long as the result is used.
pub(crate) unsafe fn borrow<'fd>(fd: c_int) -> Result<BorrowedFd<'fd>, Failure> {
    if fd < 0 {
        return Err(Failure::new(Some(rust::Errno::BADF), &"not a descriptor"));
    }
    // SAFETY: not -1, and open, says the caller.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

pub(crate) fn timeout(ms: c_int) -> Option<Duration> {
    u64::try_from(ms).ok().map(Duration::from_millis)
}
