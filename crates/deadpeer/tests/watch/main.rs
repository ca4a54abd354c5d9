//! Many connections, one descriptor.

mod deaths;
#[cfg(feature = "mio")]
mod in_mio;
mod left;
mod multipath;
mod owners;
mod supervised;

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer::{Event, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Both ends of a loopback connection: the watched one first.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    (socket, peer)
}

/// What is told within the time, one call.
fn told(watch: &mut Watch, within: Duration) -> Vec<Event> {
    let mut events = Vec::new();
    watch.wait(&mut events, Some(within)).unwrap();
    events
}

/// What is told at last, within ten seconds.
fn soon(watch: &mut Watch) -> Vec<Event> {
    let events = told(watch, Duration::from_secs(10));
    assert!(!events.is_empty(), "nothing was told");
    events
}

/// Whether an event loop would see it readable within the time.
fn readable(watch: &Watch, within: Duration) -> bool {
    let mut asked = [PollFd::new(watch, PollFlags::IN)];
    let within = Timespec::try_from(within).unwrap();
    poll(&mut asked, Some(&within)).unwrap() > 0
}

const MOMENT: Duration = Duration::from_millis(30);

/// Asks again and again, for ten seconds at most.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
