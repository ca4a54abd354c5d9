//! Many connections, one descriptor.

mod event;
mod looks;
mod table;

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use deadpeer_core::{Judge, SocketOptions, Supervision, Verdict};
use deadpeer_sys::readiness::{Epoll, Happened, Signs};
use deadpeer_sys::sysctl::SysctlError;
use deadpeer_sys::{Alarm, Remembered, SysError, clock};

pub use event::{Event, News};
use looks::Looks;
use table::{Entry, Place, Table};

use crate::apply::{Apply, ApplyError};
use crate::death::{HalfClose, Known, Limits, judge};
use crate::died::{WatchError, known, refusal};

/// So much is done at a time; the rest waits for the next call.
const BATCH: usize = 256;
/// Looks of this part of a deadline are done at once: at 30 s that is three wake-ups a second, however many connections there are.
const EARLY: u32 = 100;
/// The key of the alarm among those of the sockets. No descriptor has its number.
const ALARM: u64 = u64::MAX;

/// Watches many connections through one descriptor, for any event loop, without a thread.
///
/// The descriptor (`AsFd`) becomes readable when there is something to tell; [`wait`](Watch::wait) tells it. It can stand in another
/// epoll, poll(2) or event loop, or be waited for directly.
///
/// # Two ways to be protected
///
/// **Kernel only** ([`Watch::new`]): a [`Plan`](crate::Plan) is applied to the sockets, or once to their listener, and the kernel
/// gives connections up. The watch tells of each end at once and costs nothing in between. Simple, and it goes on without this process' help.
/// But the kernel counts lost packets, not chances: on a path that loses many, it will kill a live connection some day, and a user timeout
/// kills slow readers.
///
/// **Supervised** ([`Watch::supervised`]): the kernel asks but doesn't decide, and a [`Judge`] weighs what it counts. Right in the states
/// where the kernel is wrong: it measures the loss of each connection and asks as often as that takes,
/// and never takes a slow reader for dead. The connection stays open until the application closes it. A connection that was heard
/// costs nothing until its silence could have lasted the deadline; that is one look (a microsecond) a deadline. One that receives data
/// is looked at eight times a deadline: only so can data that comes again, because nothing of ours arrives, be told from a sign of life.
///
/// Where loss forbids a verdict at the deadline that is as sure as was asked for, it comes later, and
/// [`slip`](Watch::slip) says by how much; [`Preference`](deadpeer_core::verdict::Preference) turns that round.
///
/// Supervising sets [options](Supervision::options) on every socket that keep the kernel from giving it up for 12 days: what is found
/// unreachable is the application's to close. A user timeout that the application sets afterwards is its own affair and may
/// end the connection first: [`Supervision::overruled`] tells, from [`options`](crate::options()) and [`inspect`](crate::inspect).
///
/// # What it holds
///
/// It holds no duplicate of a socket, only its number and its cookie. When the owner closes it, the FIN goes out, the
/// kernel takes the socket out of the watch, and what the watch remembers goes when it next looks, or when the number is
/// used again. A reused number is never mistaken for the old socket.
///
/// It reads no byte, takes no error, and data wakes nobody.
///
/// ```
/// # use std::net::{TcpListener, TcpStream};
/// # use std::time::Duration;
/// use deadpeer::{News, Supervision, Watch};
///
/// let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(30)))?;
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let peer = TcpStream::connect(listener.local_addr()?)?;
/// # let (socket, _) = listener.accept()?;
/// watch.add(&socket, 7)?;
/// # drop(peer);
///
/// let mut events = Vec::new();
/// watch.wait(&mut events, Some(Duration::from_secs(1)))?;
/// for event in &events {
///     if let News::Died(death) = event.news {
///         println!("connection {}: {death}", event.key);
///     }
/// }
/// # assert_eq!(events.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Watch {
    epoll: Epoll,
    happened: Happened,
    table: Table,
    half_close: HalfClose,
    supervised: Option<Supervised>,
}

/// What watching takes beyond waiting for the kernel.
struct Supervised {
    supervision: Supervision,
    options: SocketOptions,
    looks: Looks,
    alarm: Alarm,
    /// What the alarm is set to.
    set_to: Option<Duration>,
}

/// Why a watch could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewWatchError {
    /// The kernel refused: `EMFILE`.
    Call(SysError),
    /// What the running kernel knows could not be found out.
    Sysctl(SysctlError),
}

impl std::error::Error for NewWatchError {}

impl fmt::Display for NewWatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Sysctl(error) => error.fmt(f),
        }
    }
}

impl From<SysError> for NewWatchError {
    fn from(error: SysError) -> Self {
        Self::Call(error)
    }
}

impl From<SysctlError> for NewWatchError {
    fn from(error: SysctlError) -> Self {
        Self::Sysctl(error)
    }
}

/// Why a socket could not be added to a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// It cannot be watched.
    Watch(WatchError),
    /// The options of the supervision could not be set.
    Apply(ApplyError),
}

impl std::error::Error for AddError {}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch(error) => error.fmt(f),
            Self::Apply(error) => error.fmt(f),
        }
    }
}

impl From<WatchError> for AddError {
    fn from(error: WatchError) -> Self {
        Self::Watch(error)
    }
}

impl From<ApplyError> for AddError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(error)
    }
}

impl Watch {
    /// A watch that tells what the kernel decides. It sets no option on any socket.
    ///
    /// # Errors
    /// See [`NewWatchError`].
    pub fn new() -> Result<Self, NewWatchError> {
        Ok(Self {
            epoll: Epoll::new()?,
            happened: Happened::with_room_for(BATCH),
            table: Table::default(),
            half_close: HalfClose::default(),
            supervised: None,
        })
    }

    /// A watch that judges by itself. It sets [`Supervision::options`] on every socket that is added.
    ///
    /// # Errors
    /// See [`NewWatchError`].
    pub fn supervised(supervision: Supervision) -> Result<Self, NewWatchError> {
        let alarm = Alarm::new()?;
        let options = supervision.options(&deadpeer_sys::running_kernel()?);
        let mut watch = Self::new()?;
        watch.epoll.watch_readable(&alarm, ALARM)?;
        watch.supervised = Some(Supervised {
            supervision,
            options,
            looks: Looks::default(),
            alarm,
            set_to: None,
        });
        Ok(watch)
    }

    /// Whether a FIN alone counts as the end; [`HalfClose::Ends`] unless set.
    #[must_use]
    pub fn half_close(self, half_close: HalfClose) -> Self {
        Self { half_close, ..self }
    }

    /// Watches a connection from now on. What happened to it before counts.
    ///
    /// `key` is what its events will carry. A socket that is watched already takes the new key and is judged afresh.
    ///
    /// # Errors
    /// See [`AddError`]. The socket is not watched then.
    pub fn add(&mut self, socket: impl AsFd, key: u64) -> Result<(), AddError> {
        let fd = socket.as_fd();
        let info = deadpeer_sys::tcp_info(fd).map_err(|error| refusal(fd, error))?;
        if let Some(supervised) = &self.supervised {
            supervised.options.apply(fd)?;
        }
        let remembered = Remembered::of(fd).map_err(WatchError::Call)?;
        let now = clock::monotonic();
        let judge = self.supervised.as_ref().map(|supervised| {
            let mut judge = Judge::new(supervised.supervision);
            judge.observe(now, &info);
            judge
        });
        let look = judge.as_ref().and_then(Judge::next_look);
        let known = known(Known::Fresh, info.state);
        let place = self.table.insert(Entry::new(key, remembered, known, judge));
        let watched = self.epoll.watch_end(fd, place.to_key());
        if let Err(error) = watched {
            self.table.remove(place);
            return Err(WatchError::Call(error).into());
        }
        if let (Some(supervised), Some(at)) = (&mut self.supervised, look) {
            supervised.looks.plan(at, place);
        }
        Ok(self.set_alarm()?)
    }

    /// Watches a socket no more. `false` if it was not watched.
    ///
    /// Its options stay as they are.
    pub fn remove(&mut self, socket: impl AsFd) -> bool {
        let fd = socket.as_fd();
        let number = fd.as_raw_fd();
        let Some(place) = self.table.find(number) else {
            return false;
        };
        let was_it = Remembered::of(fd).is_ok_and(|now| self.table.remembers(place, now));
        self.forget(place);
        was_it
    }

    /// How many sockets are remembered, those included whose owner closed them since the last look.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no socket is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the sockets that their owners have closed, and says how many. Happens by itself, later.
    pub fn forget_closed(&mut self) -> usize {
        let closed = self.table.places_of(|entry| !entry.remembered.is_there());
        for place in &closed {
            self.forget(*place);
        }
        closed.len()
    }

    /// Looks at a supervised connection now and judges. `None` if it is not watched or nobody judges it.
    ///
    /// A verdict that changes here is news no more: [`wait`](Self::wait) doesn't report it again. A look just after something was read dates the
    /// peer's last word exactly, where both ends write and then only our own direction is lost.
    pub fn verdict(&mut self, socket: impl AsFd) -> Option<Verdict> {
        let place = self.table.find(socket.as_fd().as_raw_fd())?;
        let entry = self.table.entry(place)?;
        let info = entry.remembered.tcp_info().ok().flatten()?;
        let judge = entry.judge.as_mut()?;
        Some(judge.observe(clock::monotonic(), &info))
    }

    /// The judge of a supervised connection: the loss it has measured, and how many unanswered questions convince it. `None` if it is not
    /// watched or nobody judges it.
    pub fn judge(&mut self, socket: impl AsFd) -> Option<&Judge> {
        let fd = socket.as_fd();
        let place = self.table.find(fd.as_raw_fd())?;
        let now = Remembered::of(fd).ok()?;
        let entry = self.table.entry(place)?;
        entry.judge.as_ref().filter(|_| entry.remembered == now)
    }

    /// By how much the verdict on a supervised connection would come after the deadline, at the loss measured so far, if its peer vanished
    /// now while it is idle. `None` if it is not watched or nobody judges it.
    pub fn slip(&mut self, socket: impl AsFd) -> Option<Duration> {
        let options = self.supervised.as_ref()?.options;
        let before_probing = Duration::from_secs(options.keepidle_s?.into());
        Some(self.judge(socket)?.slip(before_probing))
    }

    /// Waits for events, `timeout` at most (`None`: for ever), and puts them into `events`, which is cleared before. At most
    /// a few hundred at a time: call again until there is none, if the descriptor is in an edge-triggered event loop.
    ///
    /// With `Duration::ZERO` it doesn't wait.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub fn wait(
        &mut self,
        events: &mut Vec<Event>,
        timeout: Option<Duration>,
    ) -> Result<(), WatchError> {
        events.clear();
        let end = timeout.map(|timeout| clock::monotonic().saturating_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_sub(clock::monotonic()));
            let mut happened = std::mem::replace(&mut self.happened, Happened::with_no_room());
            let waited = self.epoll.wait(&mut happened, left);
            for (key, signs) in happened.iter() {
                match key {
                    ALARM => self.note_alarm(),
                    key => events.extend(self.end(Place::of_key(key), signs)),
                }
            }
            self.happened = happened;
            waited.map_err(WatchError::Call)?;
            self.look_around(events);
            self.set_alarm()?;
            if !events.is_empty() || left == Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    /// What the signs of a socket mean.
    fn end(&mut self, place: Place, signs: Signs) -> Option<Event> {
        let half_close = self.half_close;
        let entry = self.table.entry(place)?;
        let Some(info) = entry.remembered.tcp_info().ok().flatten() else {
            self.forget(place);
            return None;
        };
        let limits = || limits(&entry.remembered);
        let death = judge(signs, &info, limits, entry.known, half_close);
        entry.known = known(entry.known, info.state);
        let (key, death) = (entry.key, death?);
        self.forget(place);
        let news = News::Died(death);
        Some(Event { key, news })
    }

    /// Looks at the connections whose turn it is.
    fn look_around(&mut self, events: &mut Vec<Event>) {
        let now = clock::monotonic();
        let Some(supervised) = &mut self.supervised else {
            return;
        };
        let early = supervised.supervision.deadline() / EARLY;
        for place in supervised.looks.due(now, early, BATCH) {
            events.extend(self.look(place, now));
        }
    }

    /// Looks at one connection, and plans the next look.
    fn look(&mut self, place: Place, now: Duration) -> Option<Event> {
        let entry = self.table.entry(place)?;
        let Some(info) = entry.remembered.tcp_info().ok().flatten() else {
            self.forget(place);
            return None;
        };
        let key = entry.key;
        let judge = entry.judge.as_mut()?;
        let before = judge.verdict();
        let after = judge.observe(now, &info);
        if let (Some(at), Some(supervised)) = (judge.next_look(), &mut self.supervised) {
            supervised.looks.plan(at, place);
        }
        News::of_change(before, after).map(|news| Event { key, news })
    }

    fn forget(&mut self, place: Place) {
        self.epoll.forget(place.number());
        self.table.remove(place);
    }

    fn note_alarm(&mut self) {
        if let Some(supervised) = &mut self.supervised {
            supervised.set_to = None;
        }
    }

    /// Sets the alarm to the next look.
    fn set_alarm(&mut self) -> Result<(), WatchError> {
        let Some(supervised) = &mut self.supervised else {
            return Ok(());
        };
        let next = supervised.looks.next();
        if supervised.set_to != next {
            supervised.alarm.set(next).map_err(WatchError::Call)?;
            supervised.set_to = next;
        }
        Ok(())
    }
}

fn limits(socket: &Remembered) -> Result<Limits, SysError> {
    let keepcnt = socket.keepcnt()?;
    let user_timeout = socket.user_timeout_ms().unwrap_or(None).flatten();
    Ok(keepcnt.map_or_else(Limits::default, |count| Limits::new(count, user_timeout)))
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let supervision = self.supervised.as_ref().map(|s| s.supervision);
        f.debug_struct("Watch")
            .field("sockets", &self.len())
            .field("half_close", &self.half_close)
            .field("supervision", &supervision)
            .finish_non_exhaustive()
    }
}
