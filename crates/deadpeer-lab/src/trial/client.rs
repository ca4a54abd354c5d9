//! The clients of one case, in a host of their own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::output::Output;
use super::{Fault, State, TrialError};
use crate::host::{Host, Process};

/// What a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Client {
    /// A TCP connection.
    Plain,
    /// A shell command in the client's host, which finds the server in `DEADPEER_SERVER` and
    /// `DEADPEER_PORT`. Its standard input stays open: a program that reads commands there, as
    /// redis-cli and psql do, stays connected.
    Command(String),
}

impl Client {
    /// Whether clients of this kind can be brought into a state and vanish so. Programs talk and
    /// read as they like, and nobody makes them abort.
    #[must_use]
    pub fn can(&self, fault: Fault, state: State) -> bool {
        let of_programs = matches!(state, State::Idle | State::InFlight);
        *self == Self::Plain || (fault != Fault::Abort && of_programs)
    }
}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// Clients that have been started.
#[derive(Debug)]
pub(super) enum Party {
    Plain(Vec<Line>),
    Programs(Vec<Program>),
}

/// A plain connection and what is still to be said on it.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    unsaid: Vec<u8>,
    /// The last answer that was heard, or as much of it as is shown.
    heard: Vec<u8>,
    /// The server has closed.
    over: bool,
}

/// Bytes that are shown of an answer.
const SHOWN: usize = 160;

/// A program and what it listens to.
#[derive(Debug)]
pub(super) struct Program {
    process: Process,
    input: ChildStdin,
    complaints: Output,
}

impl Party {
    /// Starts so many clients. Plain ones are connected when this returns; `window` is the size of
    /// their receive buffers in bytes, where it has to be small.
    pub(super) fn start(
        host: &Host,
        what: &Client,
        many: usize,
        server: SocketAddr,
        window: Option<usize>,
    ) -> Result<Self, TrialError> {
        match what {
            Client::Plain => (0..many)
                .map(|_| plain(host, server, window))
                .collect::<Result<_, _>>()
                .map(Self::Plain),
            Client::Command(line) => (0..many)
                .map(|_| program(host, line, server))
                .collect::<Result<_, _>>()
                .map(Self::Programs),
        }
    }

    /// Says something to the server. Connections on which an earlier word still waits for room say
    /// that first, and no more.
    pub(super) fn say(&mut self, what: &[u8]) {
        self.say_often(what, 1);
    }

    /// The same again and again, until it is about so many bytes.
    pub(super) fn say_much(&mut self, what: &[u8], bytes: usize) {
        self.say_often(what, bytes.div_ceil(what.len().max(1)));
    }

    fn say_often(&mut self, what: &[u8], times: usize) {
        match self {
            Self::Plain(lines) => {
                for line in lines {
                    if line.unsaid.is_empty() {
                        line.unsaid = what.repeat(times);
                    }
                    line.flush();
                }
            }
            Self::Programs(programs) => {
                for program in programs {
                    let _ = program.input.write_all(&what.repeat(times));
                }
            }
        }
    }

    /// Takes up to `most` bytes from each connection, and says how many came in all. Programs read
    /// for themselves.
    pub(super) fn read(&mut self, most: usize) -> usize {
        match self {
            Self::Plain(lines) => {
                let mut buffer = vec![0; most];
                let mut take = |line: &mut Line| line.take(&mut buffer);
                lines.iter_mut().map(&mut take).sum()
            }
            Self::Programs(_) => 0,
        }
    }

    /// Whether the server was seen to close every connection. That of programs does not show.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Plain(lines) => lines.iter().all(|line| line.over),
            Self::Programs(_) => false,
        }
    }

    /// The beginning of the last answer behind these words; nothing if there was none.
    pub(super) fn heard(&self, before: &str) -> String {
        let heard = match self {
            Self::Plain(lines) => lines.iter().find(|line| !line.heard.is_empty()),
            Self::Programs(_) => None,
        };
        heard.map_or_else(String::new, |line| {
            let text = String::from_utf8_lossy(&line.heard);
            let words: Vec<&str> = text.split_whitespace().collect();
            format!("{before}{}", words.join(" "))
        })
    }

    /// Whether the server's kernel has all that was said. What programs said does not show.
    pub(super) fn is_heard(&self) -> bool {
        let heard = |line: &Line| {
            let info = deadpeer_sys::tcp_info(&line.stream);
            line.unsaid.is_empty() && info.is_ok_and(|info| info.unacked == Some(0))
        };
        match self {
            Self::Plain(lines) => lines.iter().all(heard),
            Self::Programs(_) => true,
        }
    }

    /// How a program ended by itself and what it complained of, if one has.
    pub(super) fn ended(&mut self) -> Option<(ExitStatus, String)> {
        match self {
            Self::Plain(_) => None,
            Self::Programs(programs) => programs.iter_mut().find_map(|program| {
                let status = program.process.child().try_wait().ok()??;
                Some((status, program.complaints.last_lines_of_ended()))
            }),
        }
    }

    /// Ends their connections: by FIN, as a client that closes or is killed does, or by RST.
    pub(super) fn leave(self, abort: bool) {
        if let Self::Plain(lines) = &self
            && abort
        {
            for line in lines {
                // A connection that is over already needs no RST.
                let _ = sockopt::set_socket_linger(&line.stream, Some(Duration::ZERO));
            }
        }
    }
}

impl Line {
    fn flush(&mut self) {
        // A connection that the server has closed meanwhile shows in the server's table.
        let written = self.stream.write(&self.unsaid).unwrap_or(0);
        self.unsaid.drain(..written);
    }

    /// Reads what there is, and says how much.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        self.flush();
        match self.stream.read(buffer) {
            Ok(0) => self.over = true,
            Ok(count) => {
                self.heard.clear();
                self.heard.extend(&buffer[..count.min(SHOWN)]);
                return count;
            }
            Err(error) => self.over |= error.kind() != io::ErrorKind::WouldBlock,
        }
        0
    }
}

fn plain(host: &Host, server: SocketAddr, window: Option<usize>) -> Result<Line, TrialError> {
    let stream = host.enter(|| match window {
        None => TcpStream::connect_timeout(&server, CONNECT),
        Some(bytes) => with_window(server, bytes),
    })?;
    let ready = stream.and_then(|stream| {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Line {
            stream,
            unsaid: Vec::new(),
            heard: Vec::new(),
            over: false,
        })
    });
    ready.map_err(|source| TrialError::Connect { server, source })
}

/// A receive buffer can only be kept small from before the handshake on (tcp(7)).
fn with_window(server: SocketAddr, bytes: usize) -> io::Result<TcpStream> {
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    connect(&socket, &server)?;
    Ok(socket.into())
}

fn program(host: &Host, line: &str, server: SocketAddr) -> Result<Program, TrialError> {
    let (complaints, complain) = Output::pipe()?;
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .env("DEADPEER_SERVER", server.ip().to_string())
        .env("DEADPEER_PORT", server.port().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(complain)
        .process_group(0);
    let mut process = host.spawn(&mut command)?;
    drop(command);
    let input = process.child().stdin.take();
    let input = input.ok_or(TrialError::NoInput)?;
    Ok(Program {
        process,
        input,
        complaints,
    })
}

impl Drop for Program {
    fn drop(&mut self) {
        // The shell may have started others; it leads their process group.
        if let Some(group) = rustix::process::Pid::from_raw(self.process.pid().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
