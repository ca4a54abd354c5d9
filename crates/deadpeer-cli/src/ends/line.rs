//! One connection: what is sent and read, and what the method in use makes of it.

mod endings;
mod traffic;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use deadpeer_core::{Cause, TcpInfo, TcpState};
use rustix::event::{PollFd, PollFlags, poll};

use super::ending::{By, Ending, Shown, Sign};
use super::framed::Framed;
use super::method::{Eyes, Method, Name};
use super::observer::Observer;
use super::report::Report;
use super::request::Conduct;
use super::socket::timespec;
use super::standing::Standing;
use crate::exit::Stop;
use traffic::Heard;

/// So many pieces in a row, then the others get their turn.
const TURN: usize = 16;
/// What may wait to be sent before no more is taken from standard input, in bytes.
const ROOM: usize = 64 * 1024;

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    pub(super) peer: SocketAddr,
    local: SocketAddr,
    begun: Instant,
    observer: Observer,
    outgoing: Vec<u8>,
    framed: Option<Framed>,
    reads: bool,
    /// Nothing follows what is outgoing.
    finishing: bool,
    shut: bool,
    received: u64,
    sent: u64,
}

/// What a line's step needs of its surroundings.
pub(super) struct Room<'r, 'o, W: Write> {
    pub(super) method: &'r Method,
    pub(super) report: &'r mut Report<'o, W>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, conduct: &Conduct) -> io::Result<Self> {
        let method = &conduct.method;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            peer: canonical(stream.peer_addr()?),
            local: canonical(stream.local_addr()?),
            stream,
            begun: Instant::now(),
            observer: Observer::new(method.within),
            outgoing: Vec::new(),
            framed: (method.eyes == Eyes::Classic(Name::Heartbeat))
                .then(|| Framed::new(method.within)),
            reads: conduct.reads,
            finishing: false,
            shut: false,
            received: 0,
            sent: 0,
        })
    }

    /// Its ends, and what it has come to.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            peer: self.peer,
            local: self.local,
            age: self.begun.elapsed(),
            received: self.received,
            sent: self.sent,
        }
    }

    /// What to wait for.
    pub(super) fn interest(&self, method: &Method) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, self.reads);
        interest.set(PollFlags::RDHUP, self.goes_by_bits(method));
        let has_words = self.framed.as_ref().is_some_and(Framed::has_words);
        interest.set(PollFlags::OUT, has_words || !self.outgoing.is_empty());
        interest
    }

    /// How soon it has to have its turn, whatever happens.
    pub(super) fn wake(&self) -> Option<Duration> {
        self.framed.as_ref()?.wake()
    }

    /// Whether it can take more of standard input.
    pub(super) fn has_room(&self) -> bool {
        self.outgoing.len() < ROOM
    }

    /// Sends this when there is room.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }

    /// Shuts the sending half down once all is sent.
    pub(super) fn finish_sending(&mut self) {
        self.finishing = true;
    }

    /// Sends, looks and reads. An end is what the method in use, a read or a write shows.
    pub(super) fn step<W: Write>(
        &mut self,
        ready: PollFlags,
        room: &mut Room<'_, '_, W>,
    ) -> Result<Option<Ending>, Stop> {
        let info = self.check(room)?;
        // Whoever takes the error takes its bit away, too.
        let shown = self.shown(info.state);
        if let Some(sign) = self.sign(&info, ready, room.method) {
            return self.end(sign, None, shown, room).map(Some);
        }
        if let Err(error) = self.flush(room)? {
            let ending = self.end(Sign::WriteError, Some(error), shown, room);
            return ending.map(Some);
        }
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let mut heard = Heard::More;
        if self.reads && ready.intersects(readable) {
            heard = self.read(TURN, room)?;
        }
        match heard {
            Heard::More => self.judge(room),
            Heard::End => self.end(Sign::ReadEnd, None, shown, room).map(Some),
            Heard::Failed(error) => {
                let ending = self.end(Sign::ReadError, Some(error), shown, room);
                ending.map(Some)
            }
            Heard::Word(word) => Ok(Some(self.left(&word))),
            Heard::Fault(fault) => {
                self.say_bye(Some(&fault));
                let sign = Sign::Frame(fault.to_string());
                Ok(Some(self.judged(By::Heartbeat, sign, Duration::ZERO, 0)))
            }
        }
    }

    /// Takes a reading of TCP_INFO and says what is new.
    fn check<W: Write>(&mut self, room: &mut Room<'_, '_, W>) -> Result<TcpInfo, Stop> {
        let info = deadpeer::inspect(&self.stream).map_err(Stop::because)?;
        for seen in self.observer.observe(self.begun.elapsed(), &info) {
            room.report.seen(self.peer, seen)?;
        }
        Ok(info)
    }

    /// What the method in use goes by, if it looks at the connection itself.
    fn sign(&self, info: &TcpInfo, ready: PollFlags, method: &Method) -> Option<Sign> {
        if method.eyes == Eyes::Classic(Name::TcpInfo) {
            let state = info.state?;
            return Cause::of_state(state).map(|_| Sign::State(state.name()));
        }
        let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        (self.goes_by_bits(method) && ready.intersects(ends)).then(|| Sign::Bits(words(ready)))
    }

    /// Without reading, poll's bits are the only sign of what the kernel decides.
    fn goes_by_bits(&self, method: &Method) -> bool {
        method.eyes == Eyes::Classic(Name::Poll) || !self.reads
    }

    fn shown(&self, state: Option<TcpState>) -> Shown {
        let now = || deadpeer::inspect(&self.stream).ok()?.state;
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        let polled = poll(&mut fds, Some(&timespec(Duration::ZERO))).is_ok();
        Shown {
            state: state.or_else(now).map(TcpState::name),
            bits: match polled {
                true => words(fds[0].revents()),
                false => String::new(),
            },
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A client of IPv4 at a socket of both families has an address of IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address,
        ip => SocketAddr::new(ip, address.port()),
    }
}

/// The bits of an end, by their names.
fn words(bits: PollFlags) -> String {
    let names = [
        (PollFlags::ERR, "ERR"),
        (PollFlags::HUP, "HUP"),
        (PollFlags::RDHUP, "RDHUP"),
    ];
    let set: Vec<&str> = names
        .into_iter()
        .filter(|(bit, _)| bits.contains(*bit))
        .map(|(_, name)| name)
        .collect();
    set.join(" ")
}
