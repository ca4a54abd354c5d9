//! `/metrics` and `/healthz`, for whoever scrapes.
//!
//! HTTP/1.1 as far as a scraper needs it: one GET a connection. Some dozens of clients are served
//! at once and each has a few seconds, so whoever connects and hangs keeps nobody out.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Board, CONTENT_TYPE};

/// Who asks has so long to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many are served at once; more are turned away.
const CLIENTS: usize = 64;
/// A request is no longer than this.
const LONGEST_REQUEST: usize = 8 << 10;

/// Serves a board, on threads of its own, for as long as the process lives.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes an address; whoever connects waits until it [starts](Self::start).
    ///
    /// # Errors
    /// It can't be had.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::at(TcpListener::bind(address)?)
    }

    /// Takes a socket that listens already.
    ///
    /// # Errors
    /// It is none of TCP.
    pub fn at(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(false)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to answer whoever connects.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(self, board: Board) -> io::Result<()> {
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || accept(&self.listener, &board))?;
        Ok(())
    }
}

fn accept(listener: &TcpListener, board: &Board) {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((client, _)) = listener.accept() else {
            // Out of descriptors, as a rule: those of clients come back.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if clients.load(Ordering::Relaxed) >= CLIENTS {
            continue;
        }
        clients.fetch_add(1, Ordering::Relaxed);
        let (board, served) = (board.clone(), Arc::clone(&clients));
        let serving = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                // Who goes away in between has no answer, and nobody to be told so.
                let _ = serve(client, &board);
                served.fetch_sub(1, Ordering::Relaxed);
            });
        if serving.is_err() {
            clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn serve(mut client: TcpStream, board: &Board) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    let request = read(&mut client, until)?;
    let answer = answer(&request, board);
    let mut left = answer.as_bytes();
    while !left.is_empty() {
        client.set_write_timeout(Some(rest(until)?))?;
        let written = client.write(left)?;
        left = left.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Up to the empty line.
fn read(client: &mut TcpStream, until: Instant) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        client.set_read_timeout(Some(rest(until)?))?;
        let length = client.read(&mut part)?;
        if length == 0 || request.len() + length > LONGEST_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        request.extend(part.iter().take(length));
    }
    Ok(request)
}

fn rest(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        rest => Ok(rest),
    }
}

fn answer(request: &[u8], board: &Board) -> String {
    let line = request.split(|byte| *byte == b'\r').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let mut words = line.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        (Some("GET"), "/metrics") => respond("200 OK", CONTENT_TYPE, &board.text()),
        (Some("GET"), "/healthz") => match board.is_alive() {
            true => respond("200 OK", PLAIN, "ok\n"),
            false => respond(
                "503 Service Unavailable",
                PLAIN,
                "no sweep although one is due\n",
            ),
        },
        (Some("GET"), _) => respond("404 Not Found", PLAIN, "try /metrics or /healthz\n"),
        _ => respond("405 Method Not Allowed", PLAIN, "only GET\n"),
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn respond(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
