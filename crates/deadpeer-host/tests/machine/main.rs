//! The connection table of real sockets: loopback in private network namespaces.

mod asking;
mod deaths;
mod failing;
mod namespaces;
mod privilege;
mod rows;
mod settings;
mod sights;
mod sysctls;
mod timers;
mod vanishing;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use deadpeer_core::{Snapshot, TcpInfo, TcpState};
use deadpeer_host::{ArmedTimer, Coverage, Family, Namespace, Query, Settings, Table};

/// What a test wants to know of a row, owned.
#[derive(Debug, Clone)]
struct Row {
    family: Family,
    local: SocketAddr,
    peer: SocketAddr,
    state: TcpState,
    cookie: u64,
    uid: u32,
    wqueue: u32,
    rqueue: u32,
    cgroup: Option<u64>,
    timer: Option<ArmedTimer>,
    owners: Vec<(u32, i32)>,
    names: Vec<Vec<u8>>,
    settings: Settings,
    chosen: bool,
    info: Option<TcpInfo>,
    snapshot: Snapshot,
}

/// Reads the whole table of the calling thread's namespace.
fn read(query: &Query) -> (Vec<Row>, Coverage) {
    read_of(&mut Table::open(&Namespace::Own).unwrap(), query)
}

fn read_of(table: &mut Table, query: &Query) -> (Vec<Row>, Coverage) {
    let mut rows = Vec::new();
    let coverage = table
        .each(query, |connection| {
            let socket = connection.socket;
            let info = connection.tcp_info();
            rows.push(Row {
                family: socket.family,
                local: socket.local,
                peer: socket.peer,
                state: socket.state,
                cookie: socket.cookie,
                uid: socket.uid,
                wqueue: socket.wqueue,
                rqueue: socket.rqueue,
                cgroup: socket.cgroup,
                timer: socket.timer,
                owners: connection
                    .owners()
                    .map(|o| (o.process.pid(), o.fd))
                    .collect(),
                names: connection
                    .owners()
                    .map(|o| o.process.name().to_vec())
                    .collect(),
                settings: connection.settings,
                chosen: connection.chosen,
                snapshot: connection.snapshot(info.as_ref()),
                info,
            });
            ControlFlow::Continue(())
        })
        .unwrap();
    (rows, coverage)
}

/// Everything, without looking for owners and settings.
fn bare() -> Query {
    Query {
        owners: false,
        settings: false,
        ..Query::default()
    }
}

/// The row of one end of a connection.
fn row_of(rows: &[Row], end: &TcpStream) -> Row {
    row_between(rows, ends(end)).expect("the connection is shown")
}

/// Reads until the row of `end` is as wanted.
fn wait_for(end: &TcpStream, wanted: impl Fn(&Row) -> bool) -> Row {
    wait_for_ends(ends(end), wanted)
}

/// [`wait_for`] a connection whose end was closed.
fn wait_for_ends(ends: (SocketAddr, SocketAddr), wanted: impl Fn(&Row) -> bool) -> Row {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let row = row_between(&read(&bare()).0, ends);
        match row.filter(&wanted) {
            Some(row) => return row,
            None => assert!(Instant::now() < deadline, "{ends:?} is not as wanted"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn ends(end: &TcpStream) -> (SocketAddr, SocketAddr) {
    (end.local_addr().unwrap(), end.peer_addr().unwrap())
}

fn row_between(rows: &[Row], ends: (SocketAddr, SocketAddr)) -> Option<Row> {
    let mut rows = rows.iter();
    rows.find(|row| (row.local, row.peer) == ends).cloned()
}

/// A listener and both ends of one of its connections, the caller's first.
fn connection(address: &str) -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let calling = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (called, _) = listener.accept().unwrap();
    (listener, calling, called)
}

/// Another process that holds a socket as its standard input, and does nothing with it.
struct Holder(Child);

impl Holder {
    fn of(socket: impl Into<OwnedFd>) -> Self {
        Self::spawn(Command::new("sleep").arg("1000").stdin(socket.into())).unwrap()
    }

    fn spawn(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
