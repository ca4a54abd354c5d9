//! Sockets to look at. Made on the calling thread, so in its network namespace.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use deadpeer::{Apply as _, SocketOptions};

/// Both ends of a connection, and its listener.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) listener: TcpListener,
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

/// A listener on a port of its own.
pub(crate) fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free")
}

/// A connection through a listener of its own; `options` are set on the listener.
pub(crate) fn pair(options: &SocketOptions) -> Pair {
    pair_of(listener(), options)
}

/// A connection through `listener`.
pub(crate) fn pair_of(listener: TcpListener, options: &SocketOptions) -> Pair {
    options.apply(&listener).expect("a listener takes options");
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).expect("it listens");
    let (server, _) = listener.accept().expect("a connection waits");
    Pair {
        listener,
        client,
        server,
    }
}

impl Pair {
    /// The listener's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it is bound")
    }

    /// The listener's port, as an argument.
    pub(crate) fn port(&self) -> String {
        self.address().port().to_string()
    }
}

/// Keepalive with these values.
pub(crate) fn keepalive(idle_s: u32, intvl_s: u32, cnt: u32) -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(idle_s),
        keepintvl_s: Some(intvl_s),
        keepcnt: Some(cnt),
        ..SocketOptions::default()
    }
}

/// Where Debian and its relatives have sleep(1).
pub(crate) const SLEEP: &str = "/bin/sleep";

/// A process that holds a socket as its standard input and does nothing. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    /// A process of sleep(1) with the name of the file `program`, which this makes.
    pub(crate) fn named(program: &Path, socket: impl Into<OwnedFd>) -> Self {
        // A link, since a copy that another thread's child still holds open for writing cannot be
        // run.
        std::os::unix::fs::symlink(SLEEP, program).expect("a link can be made");
        Self::of(program, socket)
    }

    /// A process of sleep(1).
    pub(crate) fn plain(socket: impl Into<OwnedFd>) -> Self {
        Self::of(Path::new(SLEEP), socket)
    }

    /// A process of nobody's, as a service's is not root's; of our own where there is no such user.
    pub(crate) fn of_another_user(socket: impl Into<OwnedFd>) -> Self {
        const NOBODY: u32 = 65_534;
        let socket = socket.into();
        let copy = socket.try_clone().expect("room for a descriptor");
        let child = sleeping(Path::new(SLEEP), copy).uid(NOBODY).spawn();
        child.map_or_else(|_| Self::plain(socket), Self)
    }

    fn of(program: &Path, socket: impl Into<OwnedFd>) -> Self {
        Self(
            sleeping(program, socket.into())
                .spawn()
                .expect("sleep runs"),
        )
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

fn sleeping(program: &Path, socket: OwnedFd) -> Command {
    let mut command = Command::new(program);
    command.arg0("sleep").arg("600").stdin(Stdio::from(socket));
    command
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
