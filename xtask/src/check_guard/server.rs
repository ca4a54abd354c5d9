//! The program under guard: it has a port for each state of a connection, and says which ended.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::Result;
use deadpeer_lab::state::State;
use deadpeer_sys::unconnected;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{bind, listen, sockopt};

/// The states that a guard sees: one that is being made is the kernel's affair.
pub(super) const STATES: [State; 7] = [
    State::Idle,
    State::OneWrite,
    State::Sending,
    State::ZeroWindow,
    State::OnlyReading,
    State::HalfClosedByUs,
    State::HalfClosedByPeer,
];

/// The port of a state.
pub(super) fn port(state: State) -> u16 {
    7_000 + state as u16
}

/// How often each connection is looked at, and written to where that is its state.
const TURN: Duration = Duration::from_secs(1);
/// Where little is written, so often.
const SELDOM: u32 = 20;
/// So that a queue is soon full.
const SEND_BUFFER: usize = 8_192;

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    state: State,
    over: bool,
}

/// Accepts whoever comes until its standard input ends. Writes `accepted NUMBER` when that has
/// changed, and `over PEER STATE ERRNO` for each that ended.
pub(super) fn serve() -> Result<()> {
    crate::lab_peer::raise_the_limit_of_descriptors()?;
    let listeners = STATES.map(|state| Ok((listener(port(state))?, state)));
    let listeners = listeners.into_iter().collect::<Result<Vec<_>>>()?;
    println!("listens");
    let mut connections: Vec<Connection> = Vec::new();
    for turn in 0_u32.. {
        let next = Instant::now() + TURN;
        let before = connections.len();
        loop {
            for (listener, state) in &listeners {
                while let Ok((stream, peer)) = listener.accept() {
                    connections.push(Connection::new(stream, peer, *state)?);
                }
            }
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if !wait(&listeners, left)? {
                return Ok(());
            }
        }
        if connections.len() != before {
            println!("accepted {}", connections.len());
        }
        for (place, connection) in (0_u32..).zip(&mut connections) {
            let seldom = (turn + place) % SELDOM == 0;
            if let Err(error) = connection.live(seldom) {
                connection.over = true;
                let errno = error.raw_os_error().unwrap_or(0);
                println!("over {} {} {errno}", connection.peer, connection.state);
            }
        }
    }
    Ok(())
}

/// Until somebody comes or the time is over; whether we are still wanted.
fn wait(listeners: &[(TcpListener, State)], time: Duration) -> Result<bool> {
    let stdin = io::stdin();
    let fds: Vec<BorrowedFd<'_>> = listeners.iter().map(|(one, _)| one.as_fd()).collect();
    let mut polled: Vec<PollFd<'_>> = fds
        .into_iter()
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    polled.push(PollFd::new(&stdin, PollFlags::IN));
    poll(&mut polled, Some(&Timespec::try_from(time)?))?;
    Ok(polled.last().is_none_or(|stdin| stdin.revents().is_empty()))
}

fn listener(port: u16) -> Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let listener = TcpListener::from(unconnected(address)?);
    sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
    bind(&listener, &address)?;
    listen(&listener, 1_024)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, state: State) -> Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        if state == State::HalfClosedByUs {
            stream.shutdown(Shutdown::Write)?;
        }
        Ok(Self {
            stream,
            peer,
            state,
            over: false,
        })
    }

    fn live(&mut self, seldom: bool) -> io::Result<()> {
        if self.over {
            return Ok(());
        }
        let writes = match self.state {
            State::OneWrite | State::HalfClosedByPeer => usize::from(seldom),
            State::Sending => 1,
            State::ZeroWindow => usize::MAX,
            State::Idle | State::OnlyReading | State::HalfClosedByUs | State::Connecting | _ => 0,
        };
        for _ in 0..writes {
            match self.stream.write(&[b'x'; 512]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut bytes = [0; 4_096];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) if self.state == State::HalfClosedByPeer => return Ok(()),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
