//! Sockets with the options of a method from the beginning on.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, Cause};
use deadpeer_report::duration;
use deadpeer_sys::signals::Interruption;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{bind, connect as begin, listen as accept_up_to, sockopt};

use super::method::Method;
use crate::exit::Stop;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens at the first of the addresses that can be had. What it accepts inherits the options.
pub(super) fn listener(addresses: &[SocketAddr], method: &Method) -> Result<TcpListener, Stop> {
    let mut refused = None;
    for &address in addresses {
        match listen(address, method) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                refused.get_or_insert(Stop::because(format!(
                    "cannot listen on {address}: {error}"
                )));
            }
        }
    }
    Err(refused.unwrap_or_else(|| Stop::because("no address to listen on")))
}

fn listen(address: SocketAddr, method: &Method) -> io::Result<TcpListener> {
    let socket = prepared(address, method)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    accept_up_to(&socket, BACKLOG)?;
    Ok(OwnedFd::from(socket).into())
}

/// What came of connecting.
pub(super) enum Dialled {
    Connected(TcpStream),
    Interrupted,
}

/// Connects to the first of the addresses that answers, within the deadline for all of them.
pub(super) fn connected(
    addresses: &[SocketAddr],
    method: &Method,
    interruption: &Interruption,
    mut trying: impl FnMut(SocketAddr) -> Result<(), Stop>,
) -> Result<Dialled, Stop> {
    let end = Instant::now() + method.within;
    let mut sentences = Vec::new();
    for &address in addresses {
        trying(address)?;
        match connect(address, method, interruption, end) {
            Ok(dialled) => return Ok(dialled),
            Err(error) => sentences.push(format!("cannot connect to {address}: {}", Why(&error))),
        }
    }
    let late = Instant::now() >= end;
    let late = match late {
        true => format!(", within {}", duration::typed(method.within)),
        false => String::new(),
    };
    Err(Stop::because(format!("{}{late}", sentences.join("; "))))
}

fn connect(
    address: SocketAddr,
    method: &Method,
    interruption: &Interruption,
    end: Instant,
) -> io::Result<Dialled> {
    let socket = prepared(address, method)?;
    match begin(&socket, &address) {
        Ok(()) => return Ok(Dialled::Connected(socket)),
        Err(Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut fds = [
            PollFd::new(&socket, PollFlags::OUT),
            PollFd::new(interruption, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&timespec(left))) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
        }
        if !fds[1].revents().is_empty() {
            return Ok(Dialled::Interrupted);
        }
        return match socket.take_error()? {
            None => Ok(Dialled::Connected(socket)),
            Some(error) => Err(error),
        };
    }
}

/// A socket that does not block and has the options.
fn prepared(address: SocketAddr, method: &Method) -> io::Result<TcpStream> {
    let socket = deadpeer_sys::unconnected(address).map_err(io::Error::from)?;
    let socket = TcpStream::from(socket);
    socket.set_nonblocking(true)?;
    method.options.apply(&socket).map_err(io::Error::other)?;
    Ok(socket)
}

/// Why a connection did not come about.
struct Why<'a>(&'a io::Error);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.kind(), Cause::from(self.0)) {
            (io::ErrorKind::TimedOut, _) => f.write_str("nothing answers"),
            (_, cause @ (Cause::Refused | Cause::Reset | Cause::Prohibited)) => {
                write!(f, "{cause}")
            }
            (_, Cause::HostUnreachable) => f.write_str("its host was reported unreachable"),
            (_, Cause::NetworkUnreachable) => f.write_str("there is no route to its network"),
            (_, _) => write!(f, "{}", self.0),
        }
    }
}

/// For poll(2).
pub(super) fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).unwrap_or(Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    })
}
