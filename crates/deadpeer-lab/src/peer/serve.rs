//! The peer's own program.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use deadpeer_sys::sockopt::{set_linger, set_max_segment};
use deadpeer_sys::unconnected;
use rustix::net::{bind, sockopt};

use super::orders::{Heard, Order};
use crate::state::State;

/// How often the program looks at its connections; nothing that is measured depends on it.
const TICK: Duration = Duration::from_millis(20);
/// How often it speaks on a connection that asks for it, reading or not: a heartbeat's promise.
pub(crate) const BEAT_EVERY: Duration = Duration::from_millis(500);
/// This bit of a connection's name asks for that.
pub(crate) const BEATS: u32 = 1 << 31;
/// How often it writes in [`State::OnlyReading`].
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// So that a window closes to zero soon, and not to less than a segment.
const RECEIVE_BUFFER: usize = 8_192;
const MSS: u32 = 1_400;
/// Threads that burn processor time: more than the small machines have that labs run on.
const BURNERS: usize = 2;

/// Takes orders from stdin until it ends, and answers on stdout.
///
/// # Errors
/// A listener could not be made, or stdout is closed.
pub fn serve() -> io::Result<()> {
    let (sender, orders) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Program::default().run(&orders)
}

#[derive(Default)]
struct Program {
    listeners: Vec<TcpListener>,
    connections: Vec<Connection>,
    reading: Reading,
    burning: Arc<AtomicBool>,
}

/// How it reads.
#[derive(Clone, Copy, Default, PartialEq)]
enum Reading {
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

struct Connection {
    stream: TcpStream,
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
    say: bool,
    said: bool,
    over: bool,
}

impl Program {
    fn run(&mut self, orders: &Receiver<String>) -> io::Result<()> {
        loop {
            loop {
                match orders.try_recv() {
                    Ok(line) => self.obey(&line)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.accept();
            for connection in &mut self.connections {
                connection.serve(self.reading);
            }
            match orders.recv_timeout(TICK) {
                Ok(line) => self.obey(&line)?,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn obey(&mut self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let done = line
            .parse()
            .and_then(|order| self.carry_out(order).map_err(|error| error.to_string()));
        match done {
            Ok(lines) => {
                for line in lines {
                    writeln!(out, "{line}")?;
                }
                writeln!(out, "done")?;
            }
            Err(why) => writeln!(out, "cannot {why}")?,
        }
        out.flush()
    }

    fn carry_out(&mut self, order: Order) -> io::Result<Vec<String>> {
        match order {
            Order::Listen => {
                self.listeners = State::ALL
                    .into_iter()
                    .map(|state| listen(state.port()))
                    .collect::<io::Result<_>>()?;
            }
            Order::Close => self.hang_up(),
            Order::Abort => {
                for connection in &self.connections {
                    set_linger(&connection.stream, Some(Duration::ZERO))?;
                }
                self.hang_up();
            }
            Order::Shutdown => self
                .connections
                .iter_mut()
                .for_each(Connection::end_sending),
            Order::StopReading => self.reading = Reading::Nothing,
            Order::ReadSlowly(bytes_per_s) => self.reading = Reading::Slowly { bytes_per_s },
            Order::Resume => self.reading = Reading::Everything,
            Order::Burn => self.burn(),
            Order::Rest => self.burning.store(false, Ordering::Relaxed),
            Order::Say => {
                for connection in &mut self.connections {
                    (connection.say, connection.said) = (true, false);
                }
            }
            Order::SayWhereUnsaid => {
                for connection in self.connections.iter_mut().filter(|one| !one.said) {
                    connection.say = true;
                }
            }
            Order::Report => {
                return Ok(self
                    .connections
                    .iter()
                    .filter_map(Connection::line)
                    .collect());
            }
        }
        Ok(Vec::new())
    }

    fn hang_up(&mut self) {
        self.connections.clear();
        self.listeners.clear();
    }

    fn burn(&self) {
        self.burning.store(true, Ordering::Relaxed);
        for _ in 0..BURNERS {
            let burning = Arc::clone(&self.burning);
            std::thread::spawn(move || {
                while burning.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
    }

    fn accept(&mut self) {
        for listener in &self.listeners {
            while let Ok((stream, _)) = listener.accept() {
                let state = stream.local_addr().ok();
                let state = state.and_then(|address| State::of_port(address.port()));
                let ready =
                    stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok();
                if let (Some(state), true) = (state, ready) {
                    self.connections.push(Connection::new(stream, state));
                }
            }
        }
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = TcpListener::from(unconnected(address)?);
    sockopt::set_ipv6_v6only(&listener, false)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    sockopt::set_socket_recv_buffer_size(&listener, RECEIVE_BUFFER)?;
    set_max_segment(&listener, MSS)?;
    bind(&listener, &address)?;
    rustix::net::listen(&listener, 128)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Connection {
    fn new(stream: TcpStream, state: State) -> Self {
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

    fn serve(&mut self, reading: Reading) {
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

    fn end_sending(&mut self) {
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

    fn line(&self) -> Option<String> {
        let id = self.number()? & !BEATS;
        let info = deadpeer_sys::tcp_info(&self.stream).ok()?;
        let heard = Heard {
            ours: self.heard,
            theirs_acknowledged: self.said
                && info.unacked == Some(0)
                && info.notsent_bytes == Some(0),
        };
        Some(heard.line(id))
    }
}
