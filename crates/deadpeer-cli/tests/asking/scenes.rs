//! Connections in every condition, on loopback in a private namespace.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use deadpeer::{SocketOptions, inspect};
use deadpeer_sys::sockopt;
use serde_json::Value;

use crate::common::population::{Pair, pair};
use crate::common::{Ran, of_type, run};

/// Long enough for anything, on a busy machine too.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// A connection that has been silent for more than a second.
pub(crate) fn silent() -> Pair {
    let pair = pair(&SocketOptions::default());
    wait_until(&pair.server, |info| heard_ms(info) > 1_100);
    wait_until(&pair.client, |info| heard_ms(info) > 1_100);
    pair
}

/// The same, and the client's kernel hears nothing any more: for the server it is as good as gone.
pub(crate) fn gone() -> Pair {
    let pair = silent();
    sockopt::mute(&pair.client).unwrap();
    pair
}

/// A connection on which data crossed a moment ago.
pub(crate) fn talking() -> Pair {
    let mut pair = pair(&SocketOptions::default());
    pair.client.write_all(b"x").unwrap();
    pair.server.read_exact(&mut [0]).unwrap();
    pair
}

fn heard_ms(info: &deadpeer::TcpInfo) -> u32 {
    let ms = [info.last_ack_recv_ms, info.last_data_recv_ms];
    ms.into_iter().flatten().min().unwrap_or(0)
}

pub(crate) fn wait_until(socket: &TcpStream, holds: impl Fn(&deadpeer::TcpInfo) -> bool) {
    let bound = Instant::now() + BOUND;
    while !holds(&inspect(socket).unwrap()) {
        assert!(Instant::now() < bound, "{:?}", inspect(socket));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The server's end alone.
pub(crate) fn server_end(pair: &Pair) -> String {
    pair.address().to_string()
}

/// Runs with `--json` and returns the code and the lines of these kinds.
pub(crate) fn lines(args: &[&str], kinds: [&str; 2]) -> (i32, Vec<Value>, Vec<Value>) {
    let Ran {
        code,
        stdout,
        stderr,
    } = run(&[args, &["--json"]].concat());
    assert_eq!(stderr, "");
    let all: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    (code, of_type(&all, kinds[0]), of_type(&all, kinds[1]))
}
