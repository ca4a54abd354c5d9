//! How a connection's end shows without touching it: the bits of poll(2) and epoll(7), and nothing
//! that consumes an error.

use std::ffi::c_int;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::{Remembered, Result, SysError, door};

/// What the kernel shows of a socket's end, readable as often as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Signs {
    /// `EPOLLERR`: an error waits for whoever asks first; or a message in the error queue.
    #[doc(alias = "EPOLLERR")]
    pub error: bool,
    /// `EPOLLHUP`: both directions are shut, or the connection is over.
    #[doc(alias = "EPOLLHUP")]
    pub hangup: bool,
    /// `EPOLLRDHUP`: nothing more will be read. The peer sent a FIN, or our own side called
    /// shutdown(2).
    #[doc(alias = "EPOLLRDHUP")]
    pub read_hangup: bool,
}

impl Signs {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Reads the signs that a socket shows now (poll(2)). Needs no privilege, consumes nothing.
pub fn signs(fd: impl AsFd) -> Result<Signs> {
    let mut asked = [PollFd::new(&fd, PollFlags::RDHUP)];
    door::call("poll", || {
        rustix::event::poll(&mut asked, Some(&Timespec::default()))
    })?;
    let bits = asked[0].revents();
    if bits.contains(PollFlags::NVAL) {
        return Err(SysError {
            call: "poll",
            errno: Errno::BADF,
        });
    }
    Ok(Signs {
        error: bits.contains(PollFlags::ERR),
        hangup: bits.contains(PollFlags::HUP),
        read_hangup: bits.contains(PollFlags::RDHUP),
    })
}

/// An epoll descriptor (epoll(7)) of our own, beside whichever the application has.
///
/// It holds no duplicate of what it watches: when the owner closes the last descriptor of a socket,
/// the kernel takes the socket out.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

impl Epoll {
    /// Makes one, closed on exec.
    #[doc(alias = "epoll_create1")]
    pub fn new() -> Result<Self> {
        door::call("epoll_create1", || epoll::create(CreateFlags::CLOEXEC)).map(Self)
    }

    /// Watches for a socket's end: `EPOLLRDHUP`, and `EPOLLERR` and `EPOLLHUP`, which always count.
    ///
    /// Edge-triggered: one wake-up for each thing that happens, and none for data, since arriving
    /// data wakes only who asked for `EPOLLIN` (fs/eventpoll.c, `ep_poll_callback`). What already
    /// happened counts. A descriptor that is watched already takes the new key.
    #[doc(alias = "EPOLLRDHUP")]
    pub fn watch_end(&self, fd: impl AsFd, key: u64) -> Result<()> {
        let (fd, data) = (fd.as_fd(), EventData::new_u64(key));
        let flags = EventFlags::RDHUP | EventFlags::ET;
        let add = || epoll::add(&self.0, fd, data, flags);
        match door::call("epoll_ctl(EPOLL_CTL_ADD)", add) {
            Err(error) if error.errno == Errno::EXIST => {
                let modify = || epoll::modify(&self.0, fd, data, flags);
                door::call("epoll_ctl(EPOLL_CTL_MOD)", modify)
            }
            other => other,
        }
    }

    /// As [`watch_end`](Self::watch_end), for a socket of which the number is known; `false`: its
    /// number means something else by now.
    ///
    /// # Errors
    /// `ENOSPC` (`fs.epoll.max_user_watches`), or `EEXIST` if it is watched already.
    pub fn watch_end_of(&self, socket: Remembered, key: u64) -> Result<bool> {
        let mut event = libc::epoll_event {
            events: (libc::EPOLLRDHUP | libc::EPOLLET).cast_unsigned(),
            u64: key,
        };
        let (epoll, number) = (self.0.as_raw_fd(), socket.number());
        // SAFETY: `event` is live for the call; a number that is no descriptor is EBADF.
        let added = door::number("epoll_ctl(EPOLL_CTL_ADD)", || unsafe {
            libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, number, &raw mut event)
        });
        let is_there = socket.is_there();
        match added {
            Ok(_) if !is_there => self.forget(number),
            Err(error) if is_there => return Err(error),
            Ok(_) | Err(_) => {}
        }
        Ok(is_there)
    }

    /// Watches a descriptor for becoming readable, edge-triggered.
    pub fn watch_readable(&self, fd: impl AsFd, key: u64) -> Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        door::call("epoll_ctl(EPOLL_CTL_ADD)", || {
            epoll::add(&self.0, fd, EventData::new_u64(key), flags)
        })
    }

    /// Watches no more what has this number; nothing happens if it is not watched or no descriptor
    /// at all.
    pub fn forget(&self, number: RawFd) {
        let unused = std::ptr::null_mut();
        let epoll = self.0.as_raw_fd();
        // SAFETY: EPOLL_CTL_DEL reads no event; a number that is no descriptor is EBADF.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, number, unused) };
    }

    /// The keys of everything that is watched, as the kernel lists them (proc(5),
    /// `/proc/PID/fdinfo`). What its owner closed is still among them while a duplicate of it is
    /// open anywhere. A microsecond or less for each.
    ///
    /// # Errors
    /// There is no /proc, or it shows other processes.
    pub fn keys(&self) -> std::io::Result<Vec<u64>> {
        let path = format!("/proc/thread-self/fdinfo/{}", self.0.as_raw_fd());
        let text = door::file("read(/proc)", || std::fs::read_to_string(path))?;
        let key = |line: &str| {
            let (_, rest) = line.split_once("data:")?;
            u64::from_str_radix(rest.split_whitespace().next()?, 16).ok()
        };
        Ok(text.lines().filter_map(key).collect())
    }

    /// Waits until something happened or the time is over (`None`: for ever), and puts it into
    /// `happened`, as much as fits. A signal starts the wait again with the time that is left.
    #[doc(alias = "epoll_wait")]
    pub fn wait(&self, happened: &mut Happened, timeout: Option<Duration>) -> Result<()> {
        happened.0.clear();
        let end = timeout.map(|timeout| crate::clock::monotonic().saturating_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_sub(crate::clock::monotonic()));
            match happened.fill(self, left) {
                Err(error) if error.errno == Errno::INTR => {}
                other => return other,
            }
        }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Epoll {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What [`Epoll::wait`] found.
pub struct Happened(Vec<libc::epoll_event>);

impl fmt::Debug for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Happened {
    /// Room for so many at once, at least one.
    #[must_use]
    pub fn with_room_for(count: usize) -> Self {
        Self(Vec::with_capacity(count.max(1)))
    }

    /// A stand-in while the real one is in use. Takes no memory; waiting into it is `EINVAL`.
    #[must_use]
    pub const fn with_no_room() -> Self {
        Self(Vec::new())
    }

    /// Each key with its signs. For a descriptor that became readable there is none.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, Signs)> {
        self.0.iter().map(|event| {
            let shows = |flag: libc::c_int| event.events & flag.cast_unsigned() != 0;
            let signs = Signs {
                error: shows(libc::EPOLLERR),
                hangup: shows(libc::EPOLLHUP),
                read_hangup: shows(libc::EPOLLRDHUP),
            };
            (event.u64, signs)
        })
    }

    /// One call, as long as it takes or `timeout`, rounded up to milliseconds.
    fn fill(&mut self, epoll: &Epoll, timeout: Option<Duration>) -> Result<()> {
        self.0.clear();
        let ms = timeout.map_or(-1, |timeout| {
            c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
        });
        let room = c_int::try_from(self.0.capacity()).unwrap_or(c_int::MAX);
        let (epoll, events) = (epoll.as_raw_fd(), self.0.as_mut_ptr());
        // SAFETY: the kernel writes up to `room` events into the vector's own memory.
        let count = door::number("epoll_wait", || unsafe {
            libc::epoll_wait(epoll, events, room, ms)
        })?;
        // SAFETY: so many events were written, none of a negative number.
        unsafe { self.0.set_len(count.unsigned_abs() as usize) };
        Ok(())
    }
}
