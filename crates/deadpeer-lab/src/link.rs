//! One of our connections, and the program that uses it.

mod life;

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use deadpeer_core::{SocketOptions, TcpInfo, TcpState};
use deadpeer_sys::sockopt::{set_max_segment, set_recverr};
use deadpeer_sys::{Errno, SysError, unconnected};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{bind, connect, sockopt};

use crate::peer::{BEATS, MSS};
use crate::state::State;

pub use life::{Ended, Life};

/// How often it writes in [`State::Sending`] and tries to in [`State::ZeroWindow`].
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// As much at once as closes the small window of a peer that reads slowly.
const WRITE: [u8; 4_096] = [b'x'; 4_096];
const SEND_BUFFER: usize = 16_384;
/// Our own port of the first connection; the others follow.
const FIRST_PORT: u16 = 20_000;

/// A connection as the program that owns it sees it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: u32,
    pub(crate) state: State,
    /// The method that watches; `None` for the control that nobody watches.
    pub(crate) method: Option<usize>,
    socket: TcpStream,
    /// Whether the peer is to speak regularly by itself.
    wants_beats: bool,
    introduced: bool,
    written_at: Duration,
    write_error: Option<Errno>,
    /// The first error that anybody took.
    error: Option<Errno>,
    /// When its kernel was last seen to have it, since 1970.
    alive_at: Duration,
    ended: Option<Ended>,
    pongs: u32,
    pings_waiting: u32,
    /// A `Q` has come.
    said: bool,
    /// A `q` is still to be written.
    question: bool,
    /// Bytes that the send queue has taken, and how many with the `q`.
    written: u64,
    question_ends: Option<u64>,
}

/// How a method wants its connection to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The method.
    pub(crate) method: usize,
    /// What is set on the socket.
    pub(crate) options: &'a SocketOptions,
    /// Whether `IP_RECVERR` is set too.
    pub(crate) recverr: bool,
    /// Whether the peer is to speak regularly by itself.
    pub(crate) beats: bool,
}

/// What receiving brought, beside bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing more for now.
    Nothing,
    /// The end of the stream.
    End,
    /// An error.
    Failed(Errno),
}

impl Link {
    /// A socket of the calling thread's namespace, set as its method wants it, that begins to
    /// connect.
    pub(crate) fn connect(
        id: u32,
        state: State,
        wanted: Option<Wanted<'_>>,
        to: SocketAddr,
    ) -> io::Result<Self> {
        let socket = TcpStream::from(unconnected(to)?);
        socket.set_nodelay(true)?;
        set_max_segment(&socket, MSS)?;
        sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER)?;
        socket.set_nonblocking(true)?;
        // Always the same port: losses are drawn for each flow by its ports.
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        bind(&socket, &SocketAddr::new(any, FIRST_PORT + id as u16))?;
        if let Some(wanted) = wanted {
            use deadpeer::Apply as _;
            wanted.options.apply(&socket).map_err(io::Error::other)?;
            if wanted.recverr {
                set_recverr(&socket, true)?;
            }
        }
        match connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(Self {
            id,
            state,
            method: wanted.map(|wanted| wanted.method),
            socket,
            wants_beats: wanted.is_some_and(|wanted| wanted.beats),
            introduced: false,
            written_at: Duration::ZERO,
            write_error: None,
            error: None,
            alive_at: since_1970(),
            ended: None,
            pongs: 0,
            pings_waiting: 0,
            said: false,
            question: false,
            written: 0,
            question_ends: None,
        })
    }

    /// Does what its program does at this time: introduces itself once connected, writes, reads.
    pub(crate) fn live(&mut self, now: Duration) {
        if !self.introduced {
            self.introduce();
        }
        if self.introduced {
            while self.pings_waiting > 0 && self.write(b"p") {
                self.pings_waiting -= 1;
            }
            if matches!(self.state, State::Sending | State::ZeroWindow)
                && now.saturating_sub(self.written_at) >= WRITE_EVERY
            {
                self.written_at = now;
                self.write(&WRITE);
            }
            if self.question && self.write(b"q") {
                self.question = false;
                self.question_ends = Some(self.written);
            }
        }
        if self.state == State::OnlyReading {
            self.receive();
        }
        self.note_its_end();
    }

    /// What became of it until now. Takes its error, so it is asked once.
    pub(crate) fn life(&mut self, method: Option<&str>) -> Life {
        self.note_its_end();
        let last = self.info().ok();
        let error = self.error.or_else(|| self.take_error());
        Life {
            port: FIRST_PORT + self.id as u16,
            state: self.state,
            method: method.map(str::to_owned),
            asked_in_vain: last.map_or(0, |info| {
                u32::from(info.retransmits.unwrap_or(0)) + u32::from(info.probes.unwrap_or(0))
            }),
            ended: self.ended,
            errno: error.map(|errno| errno.raw_os_error()),
        }
    }

    /// Writes down when its kernel let it go. TCP_INFO takes no error from anybody.
    fn note_its_end(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let Ok(info) = self.info() else { return };
        let now = since_1970();
        if info.state == Some(TcpState::Close) {
            self.ended = Some(Ended {
                after: self.alive_at,
                before: now,
                retransmits: info.retransmits.unwrap_or(0),
                probes: info.probes.unwrap_or(0),
            });
        } else {
            self.alive_at = now;
        }
    }

    /// The one write of [`State::OneWrite`].
    pub(crate) fn write_once(&mut self) {
        if self.state == State::OneWrite {
            self.write(b"x");
        }
    }

    /// Reads everything there is.
    pub(crate) fn receive(&mut self) -> Received {
        let mut buffer = [0; 4_096];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(0) => return Received::End,
                Ok(length) => {
                    for byte in &buffer[..length] {
                        self.pongs += u32::from(*byte == b'P');
                        self.said |= *byte == b'Q';
                    }
                }
                Err(error) => {
                    return match Errno::from_io_error(&error) {
                        Some(Errno::AGAIN) | None => Received::Nothing,
                        // Before and after there is a connection.
                        Some(Errno::NOTCONN) => Received::Nothing,
                        Some(errno) => {
                            self.error.get_or_insert(errno);
                            Received::Failed(errno)
                        }
                    };
                }
            }
        }
    }

    /// Writes until the send queue is full.
    pub(crate) fn fill(&mut self) {
        while self.write(&WRITE) {}
    }

    /// Ends our half.
    pub(crate) fn end_sending(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Wants to prove that it carries bytes.
    pub(crate) fn ask(&mut self) {
        self.question = self.state.we_may_write();
        self.question_ends = None;
        self.said = false;
    }

    /// Whether the peer's proof has come.
    pub(crate) fn is_answered(&mut self) -> bool {
        self.receive();
        self.said
    }

    /// Whether the peer has acknowledged our question. What was written after it may still wait: a
    /// sender that paces itself slowly after much loss (BBR) has a full queue for minutes.
    pub(crate) fn is_acknowledged(&self) -> bool {
        // The SYN counts as a byte.
        let acked = |ends| self.info().is_ok_and(|info| info.bytes_acked > Some(ends));
        self.question_ends.is_some_and(acked)
    }

    /// Sends a ping as soon as the send queue takes it.
    pub(crate) fn ping(&mut self) {
        self.pings_waiting += 1;
    }

    /// Whether the send queue has taken every ping.
    pub(crate) fn has_pinged(&self) -> bool {
        self.pings_waiting == 0
    }

    /// Pings that were answered.
    pub(crate) fn pongs(&self) -> u32 {
        self.pongs
    }

    /// Whether it is connected and has told the peer its name.
    pub(crate) fn is_introduced(&self) -> bool {
        self.introduced
    }

    /// The last error of a write, once.
    pub(crate) fn take_write_error(&mut self) -> Option<Errno> {
        self.write_error.take()
    }

    /// The socket's pending error, which it thereby loses.
    pub(crate) fn take_error(&mut self) -> Option<Errno> {
        let error = self.socket.take_error().ok().flatten()?;
        let errno = Errno::from_io_error(&error);
        self.error = self.error.or(errno);
        errno
    }

    /// What the kernel knows.
    pub(crate) fn info(&self) -> Result<TcpInfo, SysError> {
        deadpeer_sys::tcp_info(&self.socket)
    }

    fn name(&self) -> [u8; 4] {
        (self.id | if self.wants_beats { BEATS } else { 0 }).to_be_bytes()
    }

    /// Tells the peer its name, which also says that the connection is there.
    fn introduce(&mut self) {
        // A write would take the error that belongs to the method.
        let mut ask = [PollFd::new(&self.socket, PollFlags::OUT)];
        let now = rustix::event::Timespec::default();
        if poll(&mut ask, Some(&now)).is_err() {
            return;
        }
        let bits = ask[0].revents();
        if bits.intersects(PollFlags::ERR | PollFlags::HUP) {
            // Only a program that watches what it sends finds out by trying.
            self.write(&self.name());
        } else if bits.contains(PollFlags::OUT) {
            self.introduced = self.write(&self.name());
        }
    }

    /// Whether all or some of it was taken.
    fn write(&mut self, bytes: &[u8]) -> bool {
        match (&self.socket).write(bytes) {
            Ok(taken) => {
                self.written += taken as u64;
                taken > 0
            }
            Err(error) => {
                let errno = Errno::from_io_error(&error);
                if !matches!(errno, Some(Errno::AGAIN)) {
                    self.write_error = errno;
                    self.error = self.error.or(errno);
                }
                false
            }
        }
    }
}

fn since_1970() -> Duration {
    // No clock of a running machine is before 1970.
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
