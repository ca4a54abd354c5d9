//! Many connections, one descriptor.

mod adrift;
mod ends;
mod error;
mod event;
mod loan;
mod looks;
mod schedule;
mod slip;
mod supervised;
mod table;

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use deadpeer_core::{Judge, Supervision, Verdict};
use deadpeer_sys::readiness::{Epoll, Happened};
use deadpeer_sys::{Remembered, clock};

use adrift::Adrift;
pub use error::{AddError, NewWatchError};
pub use event::{Event, News};
pub use slip::Slip;
use supervised::Supervised;
use table::{Entry, Place, Table};

use crate::death::{HalfClose, Known};
use crate::died::{WatchError, known, refusal};

/// So much is done at a time; the rest waits for the next call.
const BATCH: usize = 256;
/// The key of the alarm among those of the sockets. No descriptor has its number.
const ALARM: u64 = u64::MAX;

/// Watches many connections through one descriptor, for any event loop, without a thread.
///
/// The descriptor (`AsFd`) becomes readable when there is something to tell; [`wait`](Watch::wait)
/// tells it. It can stand in another epoll, poll(2) or event loop, or be waited for directly.
///
/// # Two ways to be protected
///
/// **Kernel only** ([`Watch::new`]): a [`Plan`](crate::Plan) is applied to the sockets, or once to
/// their listener, and the kernel gives connections up. The watch tells of each end at once and
/// costs nothing in between. Simple, and it goes on without this process' help. But the kernel
/// counts lost packets, not chances: on a path that loses many, it will kill a live connection some
/// day, and a user timeout kills slow readers.
///
/// **Supervised** ([`Watch::supervised`]): the kernel asks but doesn't decide, and a [`Judge`]
/// weighs what it counts. Right in the states where the kernel is wrong: it measures the loss of
/// each connection and asks as often as that takes, and never takes a slow reader for dead (Linux
/// itself does where `tcp_retries2` is 0 or 1: [`Slip::slow_reader_ended`]). The connection stays
/// open until the application closes it. A connection that was heard costs nothing until its
/// silence could have lasted the deadline; that is one look (a microsecond) a deadline. One that
/// receives data is looked at eight times a deadline: only so can data that comes again, because
/// nothing of ours arrives, be told from a sign of life.
///
/// Where loss forbids a verdict at the deadline that is as sure as was asked for, it comes later,
/// and [`slip`](Watch::slip) says by how much; [`Preference`](deadpeer_core::verdict::Preference)
/// turns that round. Loss has to be measured first: `slip` also says how many live peers may be
/// called unreachable in the deadline in which it begins.
///
/// Supervising sets [options](Supervision::options) on every socket, which ask and keep the kernel
/// from deciding: what is found unreachable is the application's to close. The user timeout among
/// them moves with what is open ([`Supervision::user_timeout`]), so the watch has to be polled:
/// should nobody do so for a minute and a half while a window is closed, the kernel ends that
/// connection. A user timeout that the application sets afterwards is its own affair and may end
/// the connection first: [`Supervision::overruled`] tells, from [`options`](crate::options()) and
/// [`inspect`](crate::inspect).
///
/// Multipath TCP takes keepalive and no other option (net/mptcp/sockopt.c), and is judged by the
/// first of its paths: what is in flight there is noticed late, and a peer whose first path is
/// lost may be called unreachable although another one carries on.
///
/// # What it leaves
///
/// What is closed after a verdict of unreachable is gone at once, and nothing of it stays in the
/// kernel: while that verdict holds, the socket's `SO_LINGER` is zero, so that close() throws away
/// what could not be delivered. What is closed before any verdict is kept for delivery no longer
/// than a plain socket is, 107 s by default (`tcp_orphan_retries`), whatever became of the peer.
/// That holds where the sysctl is lowered, too. There are two exceptions, because nobody sees
/// close() coming, and what is set by then has to keep a live connection as well:
///
/// - On a path that loses much, on which one recovery from loss follows another, it may be half a
///   minute longer than data has been sent again without a pause that the watch has seen.
/// - Where both `tcp_orphan_retries` (1 to 7) and `tcp_retries2` (1 or 2) are lowered it is 97 s.
///
/// One that is [removed](Watch::remove) before it is closed is a plain socket again.
///
/// A socket that leaves the watch, because it is removed, because the watch is dropped, or because
/// its end was told, gets back the options that it had before, but for those that the application
/// has set meanwhile. One that is removed while it is unreachable keeps the `SO_LINGER`: it is to
/// be closed.
///
/// # What it holds
///
/// It holds no duplicate of a socket but for the moment of setting an option, only its number and
/// its cookie. When the owner closes it, the FIN goes out, the kernel takes the socket out of the
/// watch, and what the watch remembers goes when it next looks, or when the number is used again. A
/// reused number is never mistaken for the old socket. While a duplicate is open (`try_clone`,
/// dup(2), fork(2)), the connection goes on, and so does the watching, under that descriptor;
/// [`News::Lost`] tells where it can't. That takes /proc.
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
    adrift: Adrift,
    half_close: HalfClose,
    goes_on_after_fin: bool,
    supervised: Option<Supervised>,
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
            adrift: Adrift::default(),
            half_close: HalfClose::default(),
            goes_on_after_fin: false,
            supervised: None,
        })
    }

    /// A watch that judges by itself. It sets [`Supervision::options`] on every socket that is
    /// added.
    ///
    /// # Errors
    /// See [`NewWatchError`].
    pub fn supervised(supervision: Supervision) -> Result<Self, NewWatchError> {
        let mut watch = Self::new()?;
        watch.supervised = Some(Supervised::new(supervision, &watch.epoll, ALARM)?);
        Ok(watch)
    }

    /// Whether a FIN alone counts as the end; [`HalfClose::Ends`] unless set.
    #[must_use]
    pub fn half_close(mut self, half_close: HalfClose) -> Self {
        self.half_close = half_close;
        self
    }

    /// Reports a FIN that ends, and then watches on for those who still write.
    #[cfg(feature = "tokio")]
    pub(crate) fn going_on_after_fin(mut self) -> Self {
        self.goes_on_after_fin = true;
        self
    }

    /// Watches a connection from now on. What happened to it before counts.
    ///
    /// `key` is what its events will carry. A socket that is watched already takes the new key and
    /// is judged afresh.
    ///
    /// # Errors
    /// See [`AddError`]. The socket is not watched then.
    pub fn add(&mut self, socket: impl AsFd, key: u64) -> Result<(), AddError> {
        let fd = socket.as_fd();
        let info = deadpeer_sys::tcp_info(fd).map_err(|error| refusal(fd, error))?;
        self.remove(fd);
        let remembered = Remembered::of(fd).map_err(WatchError::Call)?;
        let charge = match &mut self.supervised {
            Some(supervised) => Some(supervised.begin(fd, &info)?),
            None => None,
        };
        let known = known(Known::Fresh, info.state);
        let entry = Entry::new(key, remembered.cookie(), known, charge);
        let place = self.table.insert(remembered.number(), entry);
        if let Err(error) = self.epoll.watch_end(fd, place.to_key()) {
            self.release(place, fd);
            return Err(WatchError::Call(error).into());
        }
        self.plan_check(place);
        Ok(self.set_alarm()?)
    }

    /// Watches a socket no more, and gives its options back. `false` if it was not watched.
    pub fn remove(&mut self, socket: impl AsFd) -> bool {
        let fd = socket.as_fd();
        let Ok(now) = Remembered::of(fd) else {
            return false;
        };
        if let Some(place) = self.table.find(fd.as_raw_fd()) {
            if self.is_at(fd, place) {
                self.release(place, fd);
                return true;
            }
            self.lose(place);
        }
        let entry = self.adrift.take(now);
        let was_adrift = entry.is_some();
        self.give_back(entry, fd);
        was_adrift
    }

    /// How many sockets are remembered, those included whose owner closed them since the last look.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len() + self.adrift.len()
    }

    /// Whether no socket is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the sockets that their owners have closed, and says how many. Happens by itself,
    /// later.
    pub fn forget_closed(&mut self) -> usize {
        for place in self.table.places_of(|socket| !socket.is_there()) {
            self.lose(place);
        }
        self.forget_the_closed()
    }

    /// Looks at a supervised connection now and judges. `None` if it is not watched or nobody
    /// judges it.
    ///
    /// A verdict that changes here is news no more: [`wait`](Self::wait) doesn't report it again. A
    /// look just after something was read dates the peer's last word exactly, where both ends write
    /// and then only our own direction is lost.
    pub fn verdict(&mut self, socket: impl AsFd) -> Option<Verdict> {
        let fd = socket.as_fd();
        let place = self.table.find(fd.as_raw_fd())?;
        if !self.is_at(fd, place) {
            return None;
        }
        let info = deadpeer_sys::tcp_info(fd).ok()?;
        let (_, verdict) = self.observe(place, clock::monotonic(), &info)?;
        Some(verdict)
    }

    /// The judge of a supervised connection: the loss it has measured, and how many unanswered
    /// questions convince it. `None` if it is not watched or nobody judges it.
    pub fn judge(&mut self, socket: impl AsFd) -> Option<&Judge> {
        let fd = socket.as_fd();
        let place = self.table.find(fd.as_raw_fd())?;
        if !self.is_at(fd, place) {
            return None;
        }
        let charge = self.table.entry(place)?.charge.as_ref()?;
        Some(&charge.judge)
    }

    /// What supervision can't keep on a connection at the moment: how late the verdict would come
    /// at the loss measured so far, how likely loss that isn't measured yet is taken for death, and
    /// whether Linux itself ends a live peer that does not read. `None` if it is not watched or
    /// nobody judges it.
    pub fn slip(&mut self, socket: impl AsFd) -> Option<Slip> {
        let fd = socket.as_fd();
        let supervised = self.supervised.as_ref()?;
        let (before_probing, slow_reader_ended) =
            (supervised.before_probing, supervised.slow_reader_ended);
        // Of a copy: what the verdict is now remains news.
        let mut judge = *self.judge(fd)?;
        judge.observe(clock::monotonic(), &deadpeer_sys::tcp_info(fd).ok()?);
        Some(Slip {
            late: judge.slip(before_probing),
            sudden_loss: judge.sudden_loss(Slip::LOSS),
            slow_reader_ended,
        })
    }

    /// Waits for events, `timeout` at most (`None`: for ever), and puts them into `events`, which
    /// is cleared before. At most a few hundred at a time: call again until there is none, if the
    /// descriptor is in an edge-triggered event loop.
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
                    key => self.end(Place::of_key(key), signs, events),
                }
            }
            self.happened = happened;
            waited.map_err(WatchError::Call)?;
            self.check_those_due(events);
            self.set_alarm()?;
            if !events.is_empty() || left == Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    /// Whether this descriptor is the socket that stands there, and not another one that has its
    /// number now.
    fn is_at(&mut self, fd: BorrowedFd<'_>, place: Place) -> bool {
        let now = Remembered::of(fd);
        let entry = self.table.entry(place);
        entry.is_some_and(|entry| now == Ok(entry.socket(place)))
    }

    /// Watches this socket no more, which stands there.
    fn release(&mut self, place: Place, fd: BorrowedFd<'_>) {
        self.epoll.forget(place.number());
        let entry = self.table.take(place);
        self.give_back(entry, fd);
    }

    fn give_back(&mut self, entry: Option<Entry>, fd: BorrowedFd<'_>) {
        if let (Some(supervised), Some(entry)) = (&mut self.supervised, entry)
            && let Some(charge) = entry.charge
        {
            supervised.release(Some(fd), entry.cookie, charge);
        }
    }
}

/// Gives every socket its options back: some ten system calls each.
impl Drop for Watch {
    fn drop(&mut self) {
        if self.supervised.is_some() {
            for place in self.table.places_of(|_| true) {
                let socket = self.table.entry(place).map(|entry| entry.socket(place));
                if let Some(held) = socket.and_then(|socket| socket.hold().ok().flatten()) {
                    self.release(place, held.as_fd());
                }
            }
        }
    }
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
