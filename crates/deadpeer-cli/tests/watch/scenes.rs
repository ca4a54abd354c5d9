//! Ways to end a connection, each brought about by what it is called.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_lab::router::{Action, Condition, Reject, Rule};
use deadpeer_lab::{Host, Lab};
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use deadpeer_sys::sockopt;
use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};

use crate::observer::{Ends, PATIENCE};

/// One end of a connection, and what a watch must say of it.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) ends: Ends,
    /// By eBPF.
    pub(crate) cause: &'static str,
    /// Without, any of these or unknown, which never contradict; empty: it can't be seen.
    pub(crate) likely: &'static [&'static str],
    pub(crate) decided_by: Option<&'static str>,
    /// What was told of it by eBPF.
    pub(crate) told: Option<Value>,
    /// Our descriptor, as long as its program has not noticed.
    pub(crate) held: Option<Socket>,
    _there: Option<TcpStream>,
}

impl Scene {
    fn new(name: &'static str, cause: &'static str, here: impl Into<Socket>) -> Self {
        let here = here.into();
        let port = here.local_addr().unwrap().as_socket().unwrap().port();
        Self {
            name,
            ends: Ends::Ours(port),
            cause,
            likely: &[],
            decided_by: None,
            told: None,
            held: Some(here),
            _there: None,
        }
    }

    fn likely(self, likely: &'static [&'static str]) -> Self {
        Self { likely, ..self }
    }

    fn decided_by(self, setting: &'static str) -> Self {
        Self {
            decided_by: Some(setting),
            ..self
        }
    }

    fn closed(self) -> Self {
        Self { held: None, ..self }
    }

    fn keeping(self, there: TcpStream) -> Self {
        Self {
            _there: Some(there),
            ..self
        }
    }

    /// What a program does that waits for its peer: it reads, and closes once that fails or ends.
    pub(crate) fn notice(&mut self) {
        let Some(mut here) = self.held.take() else {
            return;
        };
        here.set_nonblocking(true).unwrap();
        let lives = match here.read(&mut [0; 4096]) {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            // connect() has not been answered yet.
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                here.take_error().unwrap().is_none()
            }
            Err(_) => false,
        };
        self.held = lives.then_some(here);
    }
}

/// Two hosts of which the first is watched.
pub(crate) struct Stage<'a> {
    lab: &'a Lab,
    address: IpAddr,
    next_port: AtomicU16,
}

impl<'a> Stage<'a> {
    /// The second host by one of its addresses.
    pub(crate) fn new(lab: &'a Lab, address: IpAddr) -> Self {
        Self {
            lab,
            address,
            next_port: AtomicU16::new(7000),
        }
    }

    fn ours(&self) -> &Host {
        &self.lab.hosts()[0]
    }

    fn theirs(&self) -> &Host {
        &self.lab.hosts()[1]
    }

    /// A connection, our end first.
    pub(crate) fn pair(&self) -> (TcpStream, TcpStream) {
        // No port that the kernel gives to who connects: which end called the other is told by
        // that.
        let port = self.next_port.fetch_add(1, Ordering::Relaxed);
        let listen = || TcpListener::bind((self.address, port)).unwrap();
        let listener = self.theirs().enter(listen).unwrap();
        let there = listener.local_addr().unwrap();
        let connect = || {
            let here = unconnected(there);
            here.connect_timeout(&there.into(), PATIENCE).unwrap();
            TcpStream::from(here)
        };
        let here = self.ours().enter(connect).unwrap();
        let (there, _) = listener.accept().unwrap();
        there.set_read_timeout(Some(PATIENCE)).unwrap();
        (here, there)
    }

    /// What we send with our port is dealt with so from now on.
    pub(crate) fn strike(&self, socket: &TcpStream, action: Action) {
        let port = socket.local_addr().unwrap().port();
        self.strike_port(port, action);
    }

    fn strike_port(&self, port: u16, action: Action) {
        let when = Condition::tcp().port(port);
        // Answers to what is turned away go to us alone.
        let when = match matches!(action, Action::Reject(_)) {
            true => when.from(self.ours().end()),
            false => when,
        };
        self.lab
            .wire()
            .add(Rule::new("strike", when, action))
            .unwrap();
    }

    pub(crate) fn all(&self) -> Vec<Scene> {
        let mut scenes = vec![
            self.peer_closes(),
            self.peer_resets(),
            self.peer_resets_after_its_fin(),
            self.keepalive_is_unanswered(),
            self.keepalive_with_user_timeout(),
            self.data_until_the_user_timeout(),
            self.data_until_the_retries(),
            self.window_stays_closed(),
            self.reader_is_slow(),
            self.data_comes_after_close(),
            self.port_is_unreachable(),
            self.host_is_unreachable(),
            self.network_is_unreachable(),
            self.somebody_destroys(),
            self.nobody_listens(),
            self.no_syn_is_answered(),
            self.connect_is_given_up(),
            self.we_close_with_data_unread(),
            self.we_close_with_a_byte_unread_after_its_fin(),
            self.we_close_first(),
            self.we_abort(),
        ];
        if self.address.is_ipv6() {
            scenes.push(self.firewall_prohibits());
        }
        scenes
    }

    fn peer_closes(&self) -> Scene {
        let (here, there) = self.pair();
        drop(there);
        Scene::new("the peer closes", "peer-closed", here).likely(&["peer-closed"])
    }

    fn peer_resets(&self) -> Scene {
        let (here, there) = self.pair();
        abort(there);
        Scene::new("the peer resets", "reset", here).likely(&["reset"])
    }

    /// Our program does not read, so it learns of the FIN and the RST at once.
    fn peer_resets_after_its_fin(&self) -> Scene {
        let (here, there) = self.pair();
        there.shutdown(Shutdown::Write).unwrap();
        eventually("the FIN has come", || state(&here) == TcpState::CloseWait);
        abort(there);
        eventually("the RST has come", || state(&here) == TcpState::Close);
        let seen = Scene::new("the peer resets after its FIN", "reset-after-fin", here);
        seen.likely(&["reset-after-fin"])
    }

    fn keepalive_is_unanswered(&self) -> Scene {
        let (here, there) = self.pair();
        keepalive(&here, 2);
        self.strike(&here, Action::Drop);
        Scene::new("keepalive", "keepalive-unanswered", here)
            .likely(&["keepalive-unanswered"])
            .decided_by("keepalive")
            .keeping(there)
    }

    fn keepalive_with_user_timeout(&self) -> Scene {
        let (here, there) = self.pair();
        sockopt::set_user_timeout_ms(&here, Some(1_500)).unwrap();
        keepalive(&here, 9);
        self.strike(&here, Action::Drop);
        Scene::new("keepalive and a user timeout", "keepalive-unanswered", here)
            .likely(&["keepalive-unanswered"])
            .decided_by("tcp_user_timeout")
            .keeping(there)
    }

    fn data_until_the_user_timeout(&self) -> Scene {
        let (mut here, there) = self.pair();
        sockopt::set_user_timeout_ms(&here, Some(1_000)).unwrap();
        self.strike(&here, Action::Drop);
        here.write_all(b"lost").unwrap();
        Scene::new("data and a user timeout", "data-unacknowledged", here)
            .likely(&["data-unacknowledged"])
            .decided_by("tcp_user_timeout")
            .keeping(there)
    }

    fn data_until_the_retries(&self) -> Scene {
        let (mut here, there) = self.pair();
        self.strike(&here, Action::Drop);
        here.write_all(b"lost").unwrap();
        Scene::new("data and tcp_retries2", "data-unacknowledged", here)
            .likely(&["data-unacknowledged"])
            .decided_by("tcp_retries2")
            .keeping(there)
    }

    fn window_stays_closed(&self) -> Scene {
        let (here, there) = self.pair();
        close_the_window(&here);
        self.strike(&here, Action::Drop);
        Scene::new("a closed window", "zero-window-unanswered", here)
            .likely(&["zero-window-unanswered"])
            .decided_by("tcp_retries2")
            .keeping(there)
    }

    /// Its kernel answers every probe of the window.
    fn reader_is_slow(&self) -> Scene {
        let (here, there) = self.pair();
        close_the_window(&here);
        sockopt::set_user_timeout_ms(&here, Some(2_000)).unwrap();
        Scene::new("a slow reader", "slow-reader", here)
            .likely(&["slow-reader"])
            .decided_by("tcp_user_timeout")
            .keeping(there)
    }

    /// Closed for reading too, by a program that keeps the descriptor.
    fn data_comes_after_close(&self) -> Scene {
        let (here, mut there) = self.pair();
        here.shutdown(Shutdown::Both).unwrap();
        eventually("our FIN is acknowledged", || {
            state(&here) == TcpState::FinWait2
        });
        there.write_all(b"too late").unwrap();
        // Closed before it comes, the kernel would keep no socket that could die of it.
        eventually("the data has come", || state(&here) == TcpState::Close);
        let scene = Scene::new("data after close", "closed-data-came", here);
        // A segment more, and no byte: it may have been any.
        scene.likely(&["unknown"]).closed()
    }

    fn port_is_unreachable(&self) -> Scene {
        self.router_says(Reject::Port, "port-unreachable")
    }

    fn host_is_unreachable(&self) -> Scene {
        self.router_says(Reject::Host, "host-unreachable")
    }

    fn network_is_unreachable(&self) -> Scene {
        self.router_says(Reject::Network, "network-unreachable")
    }

    fn firewall_prohibits(&self) -> Scene {
        self.router_says(Reject::Prohibited, "prohibited")
    }

    fn router_says(&self, what: Reject, cause: &'static str) -> Scene {
        let (mut here, there) = self.pair();
        sockopt::set_user_timeout_ms(&here, Some(1_000)).unwrap();
        self.strike(&here, Action::Reject(what));
        here.write_all(b"lost").unwrap();
        let told = Scene::new(cause, cause, here);
        // Without the errno a router's word does not show.
        let told = told.likely(&["data-unacknowledged"]).keeping(there);
        match cause {
            "prohibited" => told,
            _ => told.decided_by("tcp_user_timeout"),
        }
    }

    fn somebody_destroys(&self) -> Scene {
        let (here, there) = self.pair();
        let cookie = sockopt::cookie(&here).unwrap();
        let destroyed = self.ours().enter(|| destroy(cookie)).unwrap();
        assert!(destroyed, "the socket is in the table");
        let scene = Scene::new("somebody destroys it", "destroyed", here);
        // It looks like an end of our own.
        scene.likely(&["unknown"]).keeping(there)
    }

    fn nobody_listens(&self) -> Scene {
        let here = self.connect(1, |_| {});
        let mut scene = Scene::new("nobody listens", "refused", here);
        scene.ends = Ends::Theirs(1);
        scene
    }

    fn no_syn_is_answered(&self) -> Scene {
        self.strike_port(2, Action::Drop);
        let here = self.connect(2, |socket| sockopt::set_syncnt(socket, 1).unwrap());
        let mut scene = Scene::new("no answer to a SYN", "connect-timed-out", here);
        scene.ends = Ends::Theirs(2);
        scene
            .likely(&["connect-timed-out"])
            .decided_by("tcp_syncnt")
    }

    fn connect_is_given_up(&self) -> Scene {
        self.strike_port(3, Action::Drop);
        let here = self.connect(3, |_| {});
        let mut scene = Scene::new("connect() is given up", "connect-abandoned", here);
        scene.ends = Ends::Theirs(3);
        // Without eBPF it may come and go between two looks.
        scene.closed()
    }

    fn we_close_with_data_unread(&self) -> Scene {
        let (here, mut there) = self.pair();
        there.write_all(b"never read").unwrap();
        eventually("the data has come", || here.peek(&mut [0]).unwrap() > 0);
        Scene::new("we close with data unread", "closed-unread", here)
            .likely(&["closed-unread"])
            .closed()
    }

    /// The FIN takes a number like a byte, and is none.
    fn we_close_with_a_byte_unread_after_its_fin(&self) -> Scene {
        let (here, mut there) = self.pair();
        there.write_all(b"!").unwrap();
        there.shutdown(Shutdown::Write).unwrap();
        eventually("the FIN has come", || state(&here) == TcpState::CloseWait);
        Scene::new("we close with a byte unread", "closed-unread", here)
            .likely(&["closed-unread"])
            .closed()
    }

    fn we_close_first(&self) -> Scene {
        let (here, mut there) = self.pair();
        let scene = Scene::new("we close first", "closed-here", here);
        let scene = scene.likely(&["closed-here"]).closed();
        assert_eq!(there.read(&mut [0]).unwrap(), 0);
        scene
    }

    fn we_abort(&self) -> Scene {
        let (here, there) = self.pair();
        SockRef::from(&here)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        let scene = Scene::new("we abort", "aborted-here", here);
        // Without eBPF not even its ends are left of it.
        scene.closed().keeping(there)
    }

    /// A socket of ours whose connect() has begun.
    fn connect(&self, port: u16, prepare: impl FnOnce(&Socket) + Send) -> Socket {
        let to = SocketAddr::new(self.address, port);
        self.ours()
            .enter(|| {
                let socket = unconnected(to);
                socket.set_nonblocking(true).unwrap();
                prepare(&socket);
                let begun = socket.connect(&to.into()).unwrap_err();
                assert_eq!(begun.raw_os_error(), Some(libc::EINPROGRESS));
                socket
            })
            .unwrap()
    }
}

/// A socket with a port that no other socket of ours has: the kernel gives one port to several
/// connections with different peers, and a connection is struck, and known again, by its port.
fn unconnected(to: SocketAddr) -> Socket {
    static NEXT: AtomicU16 = AtomicU16::new(40_000);
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((any, port)).into()).unwrap();
    socket
}

/// Probes after a second, every second.
pub(crate) fn keepalive(socket: &TcpStream, count: u32) {
    sockopt::set_keepidle_s(socket, 1).unwrap();
    sockopt::set_keepintvl_s(socket, 1).unwrap();
    sockopt::set_keepcnt(socket, count).unwrap();
    sockopt::set_keepalive(socket, true).unwrap();
}

/// Writes until the peer takes no more, and its kernel says so.
fn close_the_window(mut socket: &TcpStream) {
    socket.set_nonblocking(true).unwrap();
    eventually("the window is closed", || {
        while socket.write(&[0; 65_536]).is_ok() {}
        let info = deadpeer_sys::tcp_info(socket).unwrap();
        info.unacked == Some(0) && info.notsent_bytes > Some(0)
    });
}

fn abort(socket: TcpStream) {
    SockRef::from(&socket)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

fn state(socket: &TcpStream) -> TcpState {
    deadpeer_sys::tcp_info(socket).unwrap().state.unwrap()
}

/// Destroys the connection with this cookie in the calling thread's network namespace.
fn destroy(cookie: u64) -> bool {
    let mut id = None;
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut diag = SockDiag::open().unwrap();
    let dumped = diag.dump(request, |socket| {
        if socket.cookie == cookie {
            id = Some(socket.id());
        }
        ControlFlow::Continue(())
    });
    dumped.unwrap();
    id.is_some_and(|id| diag.destroy(&id).is_ok())
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
