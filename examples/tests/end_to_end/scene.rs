//! Three hosts: one with the programs under test, one that will vanish, and one that is far away.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer_lab::router::Action;
use deadpeer_lab::testing::{on_every_packet, power_off};
use deadpeer_lab::{Host, Lab};

use crate::programs::Program;

/// What the programs are told; a plan that survives two lost probes cannot promise less.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Long enough for anything that ought to happen at once, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What a path to the far host adds, each way.
const FAR: Duration = Duration::from_millis(150);
const JITTER: Duration = Duration::from_millis(50);

/// The hosts and the wire.
pub(crate) struct Scene(Lab);

impl Scene {
    pub(crate) fn new() -> Self {
        let lab = Lab::with_hosts(["here", "doomed", "far"]).start().unwrap();
        let delay = Action::Delay {
            by: FAR,
            jitter: JITTER,
        };
        on_every_packet(&lab, lab.host("far").unwrap(), delay).unwrap();
        Self(lab)
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.0
    }

    /// Where the programs under test run.
    pub(crate) fn here(&self) -> &Host {
        self.0.host("here").unwrap()
    }

    /// The host that will vanish.
    pub(crate) fn doomed(&self) -> &Host {
        self.0.host("doomed").unwrap()
    }

    /// The host whose packets are slow.
    pub(crate) fn far(&self) -> &Host {
        self.0.host("far").unwrap()
    }

    /// It vanishes.
    pub(crate) fn doom(&self) {
        power_off(&self.0, self.doomed()).unwrap();
    }
}

/// Starts an example in a host, with the deadline.
pub(crate) fn start(host: &Host, name: &str, address: &str, prompt: &str) -> Program {
    host.enter(|| Program::start(name, &[address, "10"], prompt))
        .unwrap()
}

/// Connects from one host to another.
pub(crate) fn connect(from: &Host, to: &Host, port: u16) -> TcpStream {
    let address = SocketAddr::new(to.v4().into(), port);
    let stream = from.enter(|| TcpStream::connect_timeout(&address, SOON));
    let stream = stream.unwrap().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Listens in a host.
pub(crate) fn listen(host: &Host) -> (TcpListener, String) {
    let listener = host.enter(|| TcpListener::bind((host.v4(), 0)).unwrap());
    let listener = listener.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Accepts soon. What is read from the connection comes as soon.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    until("a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Waits until all that was sent is acknowledged.
pub(crate) fn acknowledged(stream: &TcpStream) {
    until("acknowledgements", || {
        deadpeer::inspect(stream).unwrap().unacked == Some(0)
    });
}

/// Waits until the other end has heard nothing for more than a second, so that a ping really asks.
pub(crate) fn silence(stream: &TcpStream) {
    until("a second of silence", || {
        let info = deadpeer::inspect(stream).unwrap();
        let sent = info.last_data_sent_ms.unwrap();
        let heard = info.last_ack_recv_ms.unwrap();
        sent.min(heard) > 1_500
    });
}

/// Reads exactly this.
pub(crate) fn hear(mut stream: &TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&heard),
        String::from_utf8_lossy(words)
    );
}

/// Asks again and again, for a while.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
