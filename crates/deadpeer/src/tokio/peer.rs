//! What is known of the peer of a guarded stream.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use ::tokio::sync::watch;
use deadpeer_sys::{Errno, Remembered};

use crate::Death;

/// How a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing speaks against it.
    Fine,
    /// It has been silent for half the deadline, and has left two questions or more unanswered. It
    /// may come back, and begins nothing new meanwhile: a pool should not hand such a connection
    /// out.
    Suspect {
        /// How long it had been silent when that was found.
        silent: Duration,
        /// Questions in a row that it has left unanswered.
        unanswered: u32,
    },
    /// It is gone, and stays so.
    Gone(Gone),
}

/// How a peer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gone {
    /// It was silent for the deadline and left so many questions unanswered that chance is ruled
    /// out. Reading and writing its stream fail with `ETIMEDOUT` from now on.
    Unreachable {
        /// How long ago it was heard last.
        since: Duration,
        /// Questions in a row that it did not answer.
        unanswered: u32,
    },
    /// The connection is over, or the peer has closed its half. The stream tells it as any other
    /// does. What is still written to who has closed its half fails all the same once the peer is
    /// unreachable, and this becomes [`Unreachable`](Self::Unreachable).
    Died(Death),
    /// Its stream was dropped here.
    Dropped,
}

impl Health {
    /// How the peer went, if it did.
    #[must_use]
    pub fn gone(self) -> Option<Gone> {
        match self {
            Self::Gone(gone) => Some(gone),
            Self::Fine | Self::Suspect { .. } => None,
        }
    }
}

/// The other end of a [`Guarded`](super::Guarded) stream, for code that has to know how it is and
/// doesn't own the stream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peer(pub(super) Arc<Line>);

impl Peer {
    /// How it is, as far as was found so far.
    #[must_use]
    pub fn health(&self) -> Health {
        *self.0.health.borrow()
    }

    /// Completes when it is gone. Meant for `select!`: dropping the future leaves nothing behind.
    pub async fn gone(&self) -> Gone {
        self.until(Health::gone).await
    }

    /// Completes when it is not fine: suspect or gone.
    pub async fn doubtful(&self) -> Health {
        self.until(|health| Some(health).filter(|health| *health != Health::Fine))
            .await
    }

    /// Calls `hook` once, as soon as the peer is not fine: at once if it isn't now. For pools that
    /// can be told to leave a connection out. A later hook takes the place of an earlier one. It is
    /// called by the guard's task, which must not wait.
    pub fn when_doubtful(&self, hook: impl FnOnce() + Send + 'static) {
        *self.0.hook() = Some(Hook(Box::new(hook)));
        if self.health() != Health::Fine {
            self.0.call_hook();
        }
    }

    async fn until<T>(&self, found: impl Fn(Health) -> Option<T>) -> T {
        let mut health = self.0.health.subscribe();
        loop {
            if let Some(found) = found(*health.borrow_and_update()) {
                return found;
            }
            if health.changed().await.is_err() {
                // It is `self` that holds the sender.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// What a stream, its peer's handles and the guard share.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) socket: Remembered,
    health: watch::Sender<Health>,
    waiting: Mutex<[Option<Waker>; 2]>,
    hook: Mutex<Option<Hook>>,
}

/// What is to be called at the first doubt.
struct Hook(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What the stream waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Read,
    Write,
}

impl Line {
    pub(super) fn new(socket: Remembered) -> Self {
        Self {
            socket,
            health: watch::Sender::new(Health::Fine),
            waiting: Mutex::default(),
            hook: Mutex::default(),
        }
    }

    /// Tells what was found. Nobody comes back from being gone, but who has only ended its half may
    /// become unreachable.
    pub(super) fn tell(&self, found: Health) {
        let changed = self.health.send_if_modified(|health| {
            let may_change = match health.gone() {
                None => true,
                Some(Gone::Died(_)) => matches!(found, Health::Gone(Gone::Unreachable { .. })),
                Some(Gone::Unreachable { .. } | Gone::Dropped) => false,
            };
            let news = may_change && *health != found;
            if news {
                *health = found;
            }
            news
        });
        if changed && found != Health::Fine {
            self.call_hook();
        }
        if changed && found.gone().is_some() {
            let waiting = std::mem::take(&mut *self.lock());
            waiting.into_iter().flatten().for_each(Waker::wake);
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.health.borrow().gone().is_some()
    }

    /// The stream fails from now on: the peer is unreachable. The kernel tells every other end by
    /// itself.
    pub(super) fn failure(&self) -> Option<io::Error> {
        match *self.health.borrow() {
            Health::Gone(Gone::Unreachable { .. }) => Some(timed_out()),
            Health::Gone(Gone::Died(_) | Gone::Dropped) | Health::Fine | Health::Suspect { .. } => {
                None
            }
        }
    }

    /// As [`failure`](Self::failure). If there is none, the task is woken when there is.
    pub(super) fn poll_failure(&self, side: Side, waker: &Waker) -> Option<io::Error> {
        let mut waiting = self.lock();
        let slot = &mut waiting[side as usize];
        if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
        drop(waiting);
        self.failure()
    }

    fn call_hook(&self) {
        let hook = self.hook().take();
        if let Some(Hook(hook)) = hook {
            hook();
        }
    }

    fn hook(&self) -> MutexGuard<'_, Option<Hook>> {
        self.hook.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn timed_out() -> io::Error {
    Errno::TIMEDOUT.into()
}

impl std::error::Error for Gone {}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { since, unanswered } => write!(
                f,
                "the peer is unreachable: silent for {:.1} s, {unanswered} questions unanswered",
                since.as_secs_f64()
            ),
            Self::Died(death) => death.fmt(f),
            Self::Dropped => f.write_str("its stream was dropped"),
        }
    }
}

impl From<Gone> for io::Error {
    /// `ETIMEDOUT` for a peer that is unreachable, as its stream fails.
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Unreachable { .. } => timed_out(),
            Gone::Died(death) => death.into(),
            Gone::Dropped => Self::new(io::ErrorKind::NotConnected, gone),
        }
    }
}
