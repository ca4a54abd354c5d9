//! Many connections.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use rust::{News, Supervision, Verdict};

use crate::cause::Cause;
use crate::connection::{Death, borrow, half_close_of, timeout};
use crate::error::{Error, Failure, answer};

/// Watches many connections through one descriptor.
pub struct Watch {
    watch: rust::Watch,
    events: Vec<rust::Event>,
    /// What the caller had no room for.
    waiting: VecDeque<rust::Event>,
}

/// What happened to a watched connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum EventKind {
    /// It is over; `death` says why. It is watched no more.
    Died = 0,
    /// Its peer is silent and has left enough questions unanswered: it is gone. The watch goes on.
    Unreachable = 1,
    /// Its peer's host answers but takes no data: it doesn't read.
    Stalled = 2,
    /// It was unreachable or stalled and is neither any more.
    Fine = 3,
    /// Its descriptor is closed, but the connection goes on under another one, where the watch
    /// can't follow. It is watched no more.
    Lost = 4,
}

/// Something that happened.
#[repr(C)]
pub struct Event {
    /// The key that the socket was added with.
    pub key: u64,
    /// What happened.
    pub kind: EventKind,
    /// For a connection that is over.
    pub death: Death,
    /// Unreachable: how long ago the peer was heard. Stalled: for how long.
    pub since_ms: u64,
    /// Unreachable: how many questions in a row it did not answer.
    pub unanswered: u32,
}

/// Makes a watch that tells what the kernel decides. It sets no option; use `deadpeer_apply`.
/// `half_close`: a `deadpeer_half_close`. NULL on failure.
///
/// # Safety
/// `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_new(half_close: c_int, error: *mut Error) -> *mut Watch {
    let watch = rust::Watch::new().map_err(Failure::from);
    // SAFETY: null or valid, says the caller.
    unsafe { boxed(watch, half_close, error) }
}

/// Makes a watch that judges by itself: the kernel asks, and a peer is unreachable when it has been
/// silent for so many milliseconds and has left so many questions unanswered that chance is ruled
/// out. It sets its options on every socket that is added; one that is closed while it is
/// unreachable is gone at once, undelivered data with it. NULL on failure.
///
/// # Safety
/// `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_supervised(
    within_ms: u64,
    half_close: c_int,
    error: *mut Error,
) -> *mut Watch {
    let watch = supervision(Duration::from_millis(within_ms))
        .and_then(|supervision| Ok(rust::Watch::supervised(supervision)?));
    // SAFETY: null or valid, says the caller.
    unsafe { boxed(watch, half_close, error) }
}

/// Keepalive waits a second before it asks, and another one between its questions (tcp(7)): less
/// would promise a verdict on none.
fn supervision(within: Duration) -> Result<Supervision, Failure> {
    let (least, most) = (Duration::from_secs(2), rust::policy::LONGEST_DEADLINE);
    if (least..=most).contains(&within) {
        return Ok(Supervision::within(within));
    }
    Err(Failure::deadline(within, within.clamp(least, most)))
}

/// Ends a watch. The sockets get back the options that they had before. NULL is allowed.
///
/// # Safety
/// `watch` is null or came from here and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_free(watch: *mut Watch) {
    if !watch.is_null() {
        // SAFETY: it came from Box::into_raw and is given back once, says the caller.
        drop(unsafe { Box::from_raw(watch) });
    }
}

/// The descriptor that is readable when there is something to tell, for poll or another epoll. It
/// belongs to the watch.
///
/// # Safety
/// `watch` is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_fd(watch: *const Watch) -> c_int {
    // SAFETY: valid, says the caller.
    let watch = unsafe { &*watch };
    watch.watch.as_raw_fd()
}

/// Watches a connection from now on; what happened to it before counts. Its events will carry
/// `key`. The watch holds no duplicate: close the socket when you like. Returns 0.
///
/// # Safety
/// `watch` is valid. `fd` is open during the call. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_add(
    watch: *mut Watch,
    fd: c_int,
    key: u64,
    error: *mut Error,
) -> c_int {
    // SAFETY: valid, says the caller.
    let watch = unsafe { &mut *watch };
    // SAFETY: open during the call, says the caller.
    let added = unsafe { borrow(fd) }.and_then(|fd| match watch.watch.add(fd, key) {
        Ok(()) => Ok(0),
        Err(rust::AddError::Watch(error)) => Err(error.into()),
        Err(rust::AddError::Apply(error)) => Err(error.into()),
        Err(error) => Err(Failure::new(None, &error)),
    });
    // SAFETY: null or valid, says the caller.
    unsafe { answer(added, error) }
}

/// Watches a connection no more, and gives its options back. Returns 1, or 0 if it was not watched.
///
/// # Safety
/// `watch` is valid. `fd` is open during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_remove(watch: *mut Watch, fd: c_int) -> c_int {
    // SAFETY: valid, says the caller.
    let watch = unsafe { &mut *watch };
    // SAFETY: open during the call, says the caller.
    let socket = unsafe { borrow(fd) };
    c_int::from(socket.is_ok_and(|fd| watch.watch.remove(fd)))
}

/// What supervision can't keep on a connection, told beforehand.
#[repr(C)]
pub struct Slip {
    /// By how many milliseconds the verdict would come after the deadline, at the loss measured so
    /// far, if the peer vanished now.
    pub late_ms: u64,
    /// The chance (0 to 1) that the live peer is called unreachable, at most, should the path come
    /// to lose 40 of 100 packets each way now: before that is measured nobody can tell it from
    /// death.
    pub sudden_loss: f64,
    /// After how many milliseconds of a closed window Linux itself may end the connection although
    /// its peer lives and only does not read; 0: it does not. It does where `tcp_retries2` is 0 or
    /// 1, and no option keeps it from that.
    pub slow_reader_ended_ms: u64,
}

/// What can't be kept on a connection at the moment. Returns 1 and fills `slip`, or 0 if the
/// connection is not watched or nobody judges it.
///
/// # Safety
/// `watch` is valid. `fd` is open during the call. `slip` is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_slip(
    watch: *mut Watch,
    fd: c_int,
    slip: *mut Slip,
) -> c_int {
    // SAFETY: valid, says the caller.
    let watch = unsafe { &mut *watch };
    // SAFETY: open during the call, says the caller.
    let socket = unsafe { borrow(fd) };
    let Some(told) = socket.ok().and_then(|fd| watch.watch.slip(fd)) else {
        return 0;
    };
    let told = Slip {
        late_ms: whole_ms(told.late),
        sudden_loss: told.sudden_loss,
        slow_reader_ended_ms: told
            .slow_reader_ended
            .map_or(0, |after| whole_ms(after).max(1)),
    };
    // SAFETY: valid, says the caller.
    unsafe { slip.write(told) };
    1
}

/// The `sudden_loss` of a connection on which nothing has been measured yet, for any share of
/// packets (0 to 1) that are lost each way. At 0.4 it is 0.018, or 0.17 within 5 s.
#[unsafe(no_mangle)]
pub extern "C" fn deadpeer_sudden_loss(within_ms: u64, each_way: f64) -> f64 {
    Supervision::within(Duration::from_millis(within_ms)).sudden_loss(each_way)
}

/// Waits for events, `timeout_ms` at most (negative: for ever, 0: not at all), and writes up to
/// `room` of them. Returns how many. There may be more: call again with a timeout of 0 until it
/// returns 0.
///
/// # Safety
/// `watch` is valid. `events` points to `room` events. `error` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deadpeer_watch_wait(
    watch: *mut Watch,
    events: *mut Event,
    room: usize,
    timeout_ms: c_int,
    error: *mut Error,
) -> c_int {
    // SAFETY: valid, says the caller.
    let watch = unsafe { &mut *watch };
    let waited = watch.fill(timeout_ms).map(|()| {
        let count = watch.waiting.len().min(room);
        for (index, event) in watch.waiting.drain(..count).enumerate() {
            // SAFETY: `index` is below `room`.
            let place = unsafe { events.add(index) };
            // SAFETY: valid, says the caller.
            unsafe { place.write(Event::of(&event)) };
        }
        c_int::try_from(count).unwrap_or(c_int::MAX)
    });
    // SAFETY: null or valid, says the caller.
    unsafe { answer(waited, error) }
}

impl Watch {
    fn fill(&mut self, timeout_ms: c_int) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            self.watch.wait(&mut self.events, timeout(timeout_ms))?;
            self.waiting.extend(self.events.drain(..));
        }
        Ok(())
    }
}

impl Event {
    fn of(event: &rust::Event) -> Self {
        let plain = |kind| Self {
            key: event.key,
            kind,
            death: Death {
                cause: Cause::Unknown,
                certain: false,
            },
            since_ms: 0,
            unanswered: 0,
        };
        match event.news {
            News::Died(death) => Self {
                death: death.into(),
                ..plain(EventKind::Died)
            },
            News::Judged(Verdict::Unreachable { since, unanswered }) => Self {
                since_ms: whole_ms(since),
                unanswered,
                ..plain(EventKind::Unreachable)
            },
            News::Judged(Verdict::Stalled { since }) => Self {
                since_ms: whole_ms(since),
                ..plain(EventKind::Stalled)
            },
            News::Lost => plain(EventKind::Lost),
            News::Judged(_) | _ => plain(EventKind::Fine),
        }
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<rust::NewWatchError> for Failure {
    fn from(error: rust::NewWatchError) -> Self {
        match error {
            rust::NewWatchError::Call(call) => Self::new(Some(call.errno), &call),
            other @ (rust::NewWatchError::Sysctl(_) | _) => Self::new(None, &other),
        }
    }
}

/// # Safety
/// `error` is null or valid.
unsafe fn boxed(
    made: Result<rust::Watch, Failure>,
    half_close: c_int,
    error: *mut Error,
) -> *mut Watch {
    let failure = match made {
        Ok(watch) => {
            return Box::into_raw(Box::new(Watch {
                watch: watch.half_close(half_close_of(half_close)),
                events: Vec::new(),
                waiting: VecDeque::new(),
            }));
        }
        Err(failure) => failure,
    };
    // SAFETY: null or valid, says the caller.
    unsafe { answer(Err(failure), error) };
    std::ptr::null_mut()
}
