//! Asking the peer's kernel: real connections on loopback, some of them muted.

mod answers;
mod race;
mod refusals;
mod reusable;

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer::{Answer, Effective};

/// Both ends of a loopback connection: the connecting one first.
fn pair(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// As [`pair`], and a second of silence.
fn silent_pair(address: &str) -> (TcpStream, TcpStream) {
    let ends = pair(address);
    until("a second of silence", || silence_ms(&ends.0) >= 1_005);
    ends
}

fn ping(socket: &TcpStream, timeout_ms: u64) -> Answer {
    deadpeer::ping(socket, Duration::from_millis(timeout_ms)).unwrap()
}

fn settings(socket: &TcpStream) -> Effective {
    deadpeer::options(socket).unwrap()
}

fn silence_ms(socket: &TcpStream) -> u32 {
    let info = deadpeer::inspect(socket).unwrap();
    let (data, ack) = (info.last_data_recv_ms, info.last_ack_recv_ms);
    data.unwrap().min(ack.unwrap())
}

/// Asks again and again, for ten seconds at most.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
