//! The task that watches all guarded streams.

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use ::tokio::sync::Notify;
use ::tokio::task::AbortHandle;
use ::tokio::time::{Instant, sleep_until};
use deadpeer_core::alarms::Alarms;
use deadpeer_core::{Supervision, Verdict};
use deadpeer_sys::{Remembered, clock};

use super::async_watch::{AsyncWatch, WatchHandle};
use super::peer::{Gone, Health, Line, Side};
use crate::{AddError, Event, HalfClose, News, Watch, WatchError};

/// One lost question is nothing (RFC 1122, 4.2.3.6).
const QUESTIONS: u32 = 2;
/// The share of the deadline between two looks at who is suspect.
const AGAIN: u32 = 20;
/// They are no closer, however short the deadline.
const AGAIN_AT_MOST: Duration = Duration::from_millis(10);

/// Watches the peers of [`Guarded`](super::Guarded) streams, in a task of its own, which ends with
/// the guard and its streams. Cheap to clone.
///
/// Make one for a server or a client, not one for each stream.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    watch: WatchHandle,
    streams: Arc<Streams>,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Guard {
    /// Finds a peer that vanished within `deadline`: a [`Supervision`] with its defaults. Under ten
    /// seconds that takes a connection on which some questions were answered
    /// ([`Supervision::keeps`]).
    ///
    /// # Errors
    /// The kernel refuses another descriptor (`EMFILE`), or doesn't tell its settings.
    ///
    /// # Panics
    /// Outside a runtime with its I/O driver and timer enabled.
    pub fn within(deadline: Duration) -> io::Result<Self> {
        Self::supervised(Supervision::within(deadline), HalfClose::default())
    }

    /// As [`within`](Self::within), with a say in how sure the verdict must be, and in whether a
    /// FIN alone means that the peer is gone.
    ///
    /// # Errors
    /// As [`within`](Self::within).
    ///
    /// # Panics
    /// As [`within`](Self::within).
    pub fn supervised(supervision: Supervision, half_close: HalfClose) -> io::Result<Self> {
        let watch = Watch::supervised(supervision)?
            .half_close(half_close)
            .going_on_after_fin();
        let watch = AsyncWatch::new(watch)?;
        let handle = watch.handle();
        let streams = Arc::new(Streams::new(supervision.deadline()));
        let task = ::tokio::spawn(keep(watch, Arc::clone(&streams))).abort_handle();
        Ok(Self(Arc::new(Shared {
            watch: handle,
            streams,
            task,
        })))
    }

    /// How many streams it watches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.streams.lock().lines.iter().flatten().count()
    }

    /// Whether it watches none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The watch below, for what else it can tell: [`Watch::slip`], [`Watch::judge`].
    #[must_use]
    pub fn watch(&self) -> WatchHandle {
        self.0.watch.clone()
    }

    /// Watches a socket for who sits here.
    pub(super) fn seat(&self, fd: BorrowedFd<'_>) -> Result<Seat, AddError> {
        let socket = Remembered::of(fd).map_err(WatchError::Call)?;
        let line = Arc::new(Line::new(socket));
        let key = self.0.streams.enter(Arc::clone(&line));
        let seat = Seat {
            guard: self.clone(),
            line,
            key,
        };
        let added = self.0.watch.add(fd, key.to_number());
        if let Err(error) = added {
            self.0.streams.leave(key);
            return Err(error);
        }
        Ok(seat)
    }
}

/// A stream's place in its guard.
#[derive(Debug)]
pub(super) struct Seat {
    guard: Guard,
    line: Arc<Line>,
    key: Key,
}

impl Seat {
    pub(super) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    /// Fails if the peer is unreachable.
    pub(super) fn check(&self) -> io::Result<()> {
        self.line.failure().map_or(Ok(()), Err)
    }

    /// Fails if the peer is unreachable, or is pending until it is.
    pub(super) fn poll_failure<T>(
        &self,
        side: Side,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match self.line.poll_failure(side, context.waker()) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }

    pub(super) fn leave(&self, fd: BorrowedFd<'_>) {
        self.guard.0.watch.remove(fd);
        self.guard.0.streams.leave(self.key);
        self.line.tell(Health::Gone(Gone::Dropped));
    }
}

/// Where a stream is among the others. Places are used again, so each user has a number of its own:
/// what is told of one that left reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    place: u32,
    user: u32,
}

impl Key {
    fn to_number(self) -> u64 {
        u64::from(self.user) << 32 | u64::from(self.place)
    }

    fn of_number(number: u64) -> Self {
        Self {
            place: number as u32,
            user: (number >> 32) as u32,
        }
    }
}

/// The streams, and when each is to be looked at.
#[derive(Debug)]
struct Streams {
    deadline: Duration,
    table: Mutex<Table>,
    entered: Notify,
}

#[derive(Debug)]
struct Table {
    lines: Vec<Option<(u32, Arc<Line>)>>,
    free: Vec<u32>,
    users: u32,
    alarms: Alarms,
}

impl Streams {
    fn new(deadline: Duration) -> Self {
        let resolution = deadline / 1_000;
        Self {
            deadline,
            table: Mutex::new(Table {
                lines: Vec::new(),
                free: Vec::new(),
                users: 0,
                alarms: Alarms::new(resolution, clock::monotonic()),
            }),
            entered: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, line: Arc<Line>) -> Key {
        let mut table = self.lock();
        table.users = table.users.wrapping_add(1);
        let user = table.users;
        let place = table.free.pop().unwrap_or_else(|| {
            table.lines.push(None);
            (table.lines.len() - 1) as u32
        });
        table.lines[place as usize] = Some((user, line));
        let first_check = clock::monotonic() + self.deadline / 2;
        table.alarms.set(place, first_check);
        drop(table);
        self.entered.notify_one();
        Key { place, user }
    }

    fn leave(&self, key: Key) {
        let mut table = self.lock();
        let slot = &mut table.lines[key.place as usize];
        if slot.as_ref().is_some_and(|(user, _)| *user == key.user) {
            *slot = None;
            table.alarms.remove(key.place);
            table.free.push(key.place);
        }
    }

    /// Passes on what the watch has found.
    fn deliver(&self, event: &Event) {
        let key = Key::of_number(event.key);
        let table = self.lock();
        let slot = table.lines.get(key.place as usize).and_then(Option::as_ref);
        if let Some((user, line)) = slot
            && *user == key.user
            && let Some(health) = health_of(&event.news)
        {
            line.tell(health);
        }
    }

    /// Looks for doubt where a stream may have been silent for half the deadline.
    fn check(&self) {
        let now = clock::monotonic();
        let Table { lines, alarms, .. } = &mut *self.lock();
        alarms.expire(now, |place| {
            let (_, line) = lines.get(place as usize)?.as_ref()?;
            self.suspect(line, now)
        });
    }

    /// When to look again; never at what is gone.
    fn suspect(&self, line: &Line, now: Duration) -> Option<Duration> {
        if line.is_gone() {
            return None;
        }
        let info = line.socket.tcp_info().ok().flatten()?;
        let silent = info.heard_ago()?;
        let probes = info.probes.unwrap_or(0);
        let unanswered = u32::from(probes) + u32::from(info.retransmits.unwrap_or(0));
        let left = (self.deadline / 2).saturating_sub(silent);
        let doubtful = left.is_zero() && unanswered >= QUESTIONS;
        line.tell(match doubtful {
            true => Health::Suspect { silent, unanswered },
            false => Health::Fine,
        });
        Some(now + left.max(self.deadline / AGAIN).max(AGAIN_AT_MOST))
    }
}

fn health_of(news: &News) -> Option<Health> {
    match *news {
        News::Died(death) => Some(Health::Gone(Gone::Died(death))),
        News::Judged(Verdict::Unreachable { since, unanswered }) => {
            Some(Health::Gone(Gone::Unreachable { since, unanswered }))
        }
        // Doubt is looked for more often than the watch judges.
        // Whose stream is dropped cannot be told either.
        News::Judged(_) | News::Lost => None,
    }
}

/// The task. It ends when the runtime does.
async fn keep(mut watch: AsyncWatch, streams: Arc<Streams>) {
    while let Ok(event) = next(&mut watch, &streams).await {
        match event {
            Some(event) => streams.deliver(&event),
            None => streams.check(),
        }
    }
}

/// The next event, or `None` when it is time to look, or to plan a look anew.
async fn next(watch: &mut AsyncWatch, streams: &Streams) -> Result<Option<Event>, WatchError> {
    let look = streams.lock().alarms.next_check();
    let mut entered = pin!(streams.entered.notified());
    let mut event = pin!(watch.next());
    let mut time = look.map(|look| {
        let left = look.saturating_sub(clock::monotonic());
        Box::pin(sleep_until(Instant::now() + left))
    });
    poll_fn(|context| {
        if let Poll::Ready(event) = event.as_mut().poll(context) {
            return Poll::Ready(event.map(Some));
        }
        let time = time.as_mut().map(|time| time.as_mut().poll(context));
        let woken = entered.as_mut().poll(context).is_ready();
        match woken || time.is_some_and(|time| time.is_ready()) {
            true => Poll::Ready(Ok(None)),
            false => Poll::Pending,
        }
    })
    .await
}
