//! `/metrics` and `/healthz`, for whoever scrapes.
//!
//! HTTP/1.1 as far as a scraper needs it: one GET a connection. Some dozens of clients are served
//! at once, each has a few seconds, and where more come, the first of them goes: whoever connects
//! and hangs keeps nobody out.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Board, CONTENT_TYPE};

/// Who asks has so long to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many are served at once.
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

/// Those who are served, the first to come first.
type Clients = Arc<Mutex<VecDeque<Arc<TcpStream>>>>;

fn accept(listener: &TcpListener, board: &Board) {
    let clients = Clients::default();
    loop {
        let Ok((client, _)) = listener.accept() else {
            // Out of descriptors, as a rule: those of clients come back.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let client = Arc::new(client);
        make_room(&clients, &client);
        let (board, all, served) = (board.clone(), Arc::clone(&clients), Arc::clone(&client));
        let serving = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                // Who goes away in between has no answer, and nobody to be told so.
                let _ = serve(&served, &board);
                forget(&all, &served);
            });
        if serving.is_err() {
            forget(&clients, &client);
        }
    }
}

/// Where there are too many, the first to come goes: whoever asks at once has long been answered.
fn make_room(clients: &Clients, client: &Arc<TcpStream>) {
    let mut clients = lock(clients);
    if clients.len() >= CLIENTS
        && let Some(first) = clients.pop_front()
    {
        // Its thread ends by that; it may have ended by itself.
        let _ = first.shutdown(Shutdown::Both);
    }
    clients.push_back(Arc::clone(client));
}

fn forget(clients: &Clients, client: &Arc<TcpStream>) {
    lock(clients).retain(|other| !Arc::ptr_eq(other, client));
}

/// A panic of whoever held it leaves it as it was.
fn lock(clients: &Clients) -> MutexGuard<'_, VecDeque<Arc<TcpStream>>> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut client: &TcpStream, board: &Board) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    let request = read(client, until)?;
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
fn read(mut client: &TcpStream, until: Instant) -> io::Result<Vec<u8>> {
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
