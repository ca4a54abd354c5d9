//! A connection of the peer's, treated as its state asks for.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::peer::orders::Heard;
use crate::state::State;

/// How often it speaks on a connection that asks for it, reading or not: a heartbeat's promise.
pub(crate) const BEAT_EVERY: Duration = Duration::from_millis(500);
/// This bit of a connection's name asks for that.
pub(crate) const BEATS: u32 = 1 << 31;
/// How often it writes in [`State::OnlyReading`].
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// How the program reads.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Reading {
    /// What the state asks for.
    #[default]
    AsTheStateAsks,
    /// Everything from everybody.
    Everything,
    Nothing,
    Slowly {
        bytes_per_s: u32,
    },
}

/// What it knows of one.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    state: State,
    /// The first four bytes, as far as they have come.
    name: Vec<u8>,
    half_closed: bool,
    written: Instant,
    /// When it spoke last, where that was asked for.
    beaten: Instant,
    /// When it was read last, and what the slow reader may read.
    read_at: Instant,
    allowance: f64,
    pings: u32,
    heard: bool,
    pub(super) say: bool,
    pub(super) said: bool,
    over: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, state: State) -> Self {
        let now = Instant::now();
        Self {
            stream,
            state,
            name: Vec::new(),
            half_closed: false,
            written: now,
            beaten: now,
            read_at: now,
            allowance: 0.0,
            pings: 0,
            heard: false,
            say: false,
            said: false,
            over: false,
        }
    }

    pub(super) fn serve(&mut self, reading: Reading) {
        if self.over {
            return;
        }
        self.read(reading);
        if self.name.len() == 4 && self.state == State::HalfClosedByPeer {
            self.end_sending();
        }
        self.write();
    }

    fn read(&mut self, reading: Reading) {
        let now = Instant::now();
        let passed = now.duration_since(std::mem::replace(&mut self.read_at, now));
        let mut allowed = match (reading, self.state) {
            _ if self.name.len() < 4 => 4 - self.name.len(),
            (Reading::Nothing, _) | (Reading::AsTheStateAsks, State::ZeroWindow) => 0,
            (Reading::Slowly { bytes_per_s }, _) => {
                self.allowance += f64::from(bytes_per_s) * passed.as_secs_f64();
                self.allowance as usize
            }
            (Reading::AsTheStateAsks | Reading::Everything, _) => usize::MAX,
        };
        let mut buffer = [0; 16_384];
        while allowed > 0 {
            let most = allowed.min(buffer.len());
            match self.stream.read(&mut buffer[..most]) {
                Ok(0) => return,
                Ok(length) => {
                    allowed -= length;
                    self.allowance = (self.allowance - length as f64).max(0.0);
                    self.take(&buffer[..length]);
                    if self.name.len() < 4 {
                        allowed = 4 - self.name.len();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What nobody sent cannot be read later.
                    self.allowance = self.allowance.min(buffer.len() as f64);
                    return;
                }
                Err(_) => {
                    self.over = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let missing = (4 - self.name.len()).min(bytes.len());
        let (name, rest) = bytes.split_at(missing);
        self.name.extend(name);
        for byte in rest {
            match byte {
                b'p' => self.pings += 1,
                b'q' => self.heard = true,
                _ => {}
            }
        }
    }

    fn write(&mut self) {
        if self.half_closed || self.name.len() < 4 {
            return;
        }
        while self.pings > 0 && self.stream.write(b"P").is_ok() {
            self.pings -= 1;
        }
        if self.say && self.stream.write(b"Q").is_ok() {
            (self.say, self.said) = (false, true);
        }
        if self.wants_beats() && self.beaten.elapsed() >= BEAT_EVERY {
            self.beaten = Instant::now();
            // As with any program, a full send queue or the end of the connection may be in the
            // way.
            let _ = self.stream.write(b"B");
        }
        if self.state == State::OnlyReading && self.written.elapsed() >= WRITE_EVERY {
            self.written = Instant::now();
            // A full send queue is one of the things that happen here.
            let _ = self.stream.write(&[b'x'; 64]);
        }
    }

    pub(super) fn end_sending(&mut self) {
        if !self.half_closed {
            self.half_closed = true;
            // It may be over already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    /// Its name; `None`: it has not come yet.
    fn number(&self) -> Option<u32> {
        let name = self.name.as_slice().try_into().ok()?;
        Some(u32::from_be_bytes(name))
    }

    fn wants_beats(&self) -> bool {
        self.number().is_some_and(|name| name & BEATS != 0)
    }

    pub(super) fn line(&self) -> Option<String> {
        let id = self.number()? & !BEATS;
        let info = deadpeer_sys::tcp_info(&self.stream).ok()?;
        let heard = Heard {
            ours: self.heard,
            theirs_acknowledged: self.said
                && info.unacked == Some(0)
                && info.notsent_bytes == Some(0),
        };
        serde_json::to_string(&(id, heard)).ok()
    }
}
