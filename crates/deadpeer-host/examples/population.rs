//! A machine full of TCP connections, for benchmarks: makes them in a private network namespace,
//! runs a command beside them, and takes them away again.
//!
//! ```text
//! population [--far | --asked NUMBER | --namespaces NUMBER] SOCKETS COMMAND [ARGUMENT...]
//! ```
//!
//! Makes at least SOCKETS established sockets (both ends of every loopback connection count),
//! spread over as many processes as the limit of open files asks for, over listening addresses and
//! ports. Half of the connections have keepalive and a user timeout set, on both ends, and their
//! listeners have it too: no program looks as if it set it after accept(). Needs root, or
//! `unshare -Ur`.
//!
//! With `--far` the other ends are on other machines, which do not exist: TCP_REPAIR makes a socket
//! established without a packet (include/uapi/linux/tcp.h), and the device that leads to them has
//! nobody behind it. Needs ip(8).
//!
//! With `--asked` it is the same, and so many of them have sent something that nobody answers.
//!
//! With `--namespaces` they are spread evenly over so many network namespaces, as containers have
//! them: all share the machine's hash of connections (net.ipv4.tcp_child_ehash_entries is 0), and
//! the command runs where it was started.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::str::FromStr;
use std::{env, fs, io};

use deadpeer_sys::netns;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a worker needs beside its connections.
const SPARE: usize = 200;
/// Listeners of a worker.
const LISTENERS: usize = 16;
/// Connections of a worker, if the limit of open files allows it.
const WORKER_MAX: usize = 9_000;
/// Our address, if the other ends are far.
const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

type Ends = (Vec<TcpListener>, Vec<OwnedFd>);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--worker", peers, number, connections, asked] => {
            let (number, connections) = (number.parse()?, connections.parse()?);
            work(peers.parse()?, number, connections, asked.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        ["--namespaces", number, sockets, command, ref arguments @ ..] => spread(
            number.parse()?,
            sockets.parse()?,
            Command::new(command).args(arguments),
        ),
        ["--far", sockets, command, ref arguments @ ..] => populate(
            Peers::Far,
            sockets.parse()?,
            0,
            Command::new(command).args(arguments),
        ),
        ["--asked", asked, sockets, command, ref arguments @ ..] => populate(
            Peers::Far,
            sockets.parse()?,
            asked.parse()?,
            Command::new(command).args(arguments),
        ),
        [sockets, command, ref arguments @ ..] => populate(
            Peers::Here,
            sockets.parse()?,
            0,
            Command::new(command).args(arguments),
        ),
        _ => Err(
            "usage: population [--far | --asked NUMBER | --namespaces NUMBER] SOCKETS COMMAND [ARGUMENT...]".into(),
        ),
    }
}

/// Where the other ends are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peers {
    /// In the same process.
    Here,
    /// In the same process, which is in a namespace of its own.
    Apart,
    /// On other machines.
    Far,
}

impl Peers {
    fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Apart => "apart",
            Self::Far => "far",
        }
    }
}

impl FromStr for Peers {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::Here, Self::Apart, Self::Far].into_iter();
        let mut known = all.filter(|peers| peers.word() == word);
        known.next().ok_or_else(|| format!("no place: {word}"))
    }
}

fn populate(
    peers: Peers,
    sockets: usize,
    asked: usize,
    command: &mut Command,
) -> Result<ExitCode, Box<dyn Error>> {
    isolate(sockets)?;
    if peers == Peers::Far {
        lead_away()?;
    }
    let each = usable_files()
        .saturating_sub(SPARE)
        .div_euclid(2)
        .clamp(1, WORKER_MAX);
    let connections = match peers {
        Peers::Here | Peers::Apart => sockets.div_ceil(2),
        Peers::Far => sockets,
    };
    let workers = (0..connections.div_ceil(each))
        .map(|number| {
            let asked = asked.saturating_sub(number * each);
            start(peers, number, each.min(connections - number * each), asked)
        })
        .collect::<io::Result<Vec<_>>>()?;
    run_beside(workers, command)
}

/// A worker in each of so many namespaces.
fn spread(
    namespaces: usize,
    sockets: usize,
    command: &mut Command,
) -> Result<ExitCode, Box<dyn Error>> {
    let each = sockets.div_ceil(2).div_ceil(namespaces);
    let workers = (0..namespaces)
        .map(|number| start(Peers::Apart, number, each, 0))
        .collect::<io::Result<Vec<_>>>()?;
    run_beside(workers, command)
}

fn run_beside(workers: Vec<Child>, command: &mut Command) -> Result<ExitCode, Box<dyn Error>> {
    let workers = workers
        .into_iter()
        .map(wait_until_ready)
        .collect::<io::Result<Vec<_>>>()?;
    let status = command.status()?;
    for mut worker in workers {
        // It ends when its standard input does.
        drop(worker.stdin.take());
        worker.wait()?;
    }
    Ok(ExitCode::from(status.code().map_or(1, |code| code as u8)))
}

/// Enters a namespace whose table of connections is its own and as large as a machine with so many
/// has it.
fn isolate(sockets: usize) -> Result<(), Box<dyn Error>> {
    netns::isolate()?;
    let entries = sockets.next_power_of_two();
    fs::write(
        "/proc/sys/net/ipv4/tcp_child_ehash_entries",
        entries.to_string(),
    )?;
    netns::isolate()?;
    Ok(())
}

/// All addresses but our own are behind a device without anybody at its other end.
fn lead_away() -> Result<(), Box<dyn Error>> {
    let address = format!("{HERE}/8");
    let steps: [&[&str]; 4] = [
        &["tuntap", "add", "far", "mode", "tun"],
        &["address", "add", &address, "dev", "far"],
        &["link", "set", "far", "up"],
        &["route", "add", "default", "dev", "far"],
    ];
    for step in steps {
        let status = Command::new("ip").args(step).status();
        let done = status.map_err(|error| format!("ip(8), which --far needs: {error}"))?;
        if !done.success() {
            return Err(format!("ip {}: {done}", step.join(" ")).into());
        }
    }
    Ok(())
}

fn start(peers: Peers, number: usize, connections: usize, asked: usize) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args(["--worker", peers.word()])
        .args([number, connections, asked].map(|number| number.to_string()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}

fn wait_until_ready(mut worker: Child) -> io::Result<Child> {
    let mut line = String::new();
    BufReader::new(worker.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
    match line.as_str() {
        "ready\n" => Ok(worker),
        _ => Err(io::Error::other("a worker failed")),
    }
}

/// Of the connections the first `asked` have something in flight.
fn work(
    peers: Peers,
    number: usize,
    connections: usize,
    asked: usize,
) -> Result<(), Box<dyn Error>> {
    let files = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: files.maximum,
            ..files
        },
    )?;
    if peers == Peers::Apart {
        netns::isolate()?;
    }
    let ends = match peers {
        Peers::Here | Peers::Apart => pairs(number, connections),
        Peers::Far => far_ends(number, connections),
    }?;
    for end in ends.1.iter().take(asked) {
        rustix::io::write(end, b"?")?;
    }
    io::stdout().write_all(b"ready\n")?;
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(ends);
    Ok(())
}

/// Both ends of connections within this process, and their listeners.
fn pairs(number: usize, connections: usize) -> Result<Ends, Box<dyn Error>> {
    let listeners = listeners(|listener| Ok(address(number, listener)))?;
    let mut ends = Vec::with_capacity(2 * connections);
    for connection in 0..connections {
        let listener = &listeners[connection % LISTENERS];
        let calling = TcpStream::connect(listener.local_addr()?)?;
        let (called, _) = listener.accept()?;
        for end in [calling, called] {
            if is_protected(connection) {
                protect(&end)?;
            }
            ends.push(end.into());
        }
    }
    Ok((listeners, ends))
}

/// Connections that far clients have made to this process, and their listeners.
fn far_ends(number: usize, connections: usize) -> Result<Ends, Box<dyn Error>> {
    const FIRST_PORT: usize = 5000;
    let here = |listener: usize| {
        let port = u16::try_from(FIRST_PORT + number * LISTENERS + listener)?;
        Ok::<_, Box<dyn Error>>(SocketAddr::from((HERE, port)))
    };
    let listeners = listeners(here)?;
    let mut ends = Vec::with_capacity(connections);
    for connection in 0..connections {
        let [_, client @ ..] = u32::try_from(connection)?.to_be_bytes();
        let client = Ipv4Addr::new(11, client[0], client[1], client[2]);
        let end = far_end(here(connection % LISTENERS)?, (client, 40_000).into())?;
        if is_protected(connection) {
            protect(&end)?;
        }
        ends.push(end);
    }
    Ok((listeners, ends))
}

fn listeners(
    at: impl Fn(usize) -> Result<SocketAddr, Box<dyn Error>>,
) -> Result<Vec<TcpListener>, Box<dyn Error>> {
    let listen = |listener: usize| {
        let listening = TcpListener::bind(at(listener)?)?;
        if is_protected(listener) {
            protect(&listening)?;
        }
        Ok(listening)
    };
    (0..LISTENERS).map(listen).collect()
}

/// Every second connection, or listener: as there is an even number of them, a listener has the
/// same as all of its connections.
fn is_protected(number: usize) -> bool {
    const { assert!(LISTENERS.is_multiple_of(2)) };
    number.is_multiple_of(2)
}

/// An established socket without a handshake.
fn far_end(here: SocketAddr, there: SocketAddr) -> Result<OwnedFd, Box<dyn Error>> {
    const ON: u32 = 1;
    /// TCP_REPAIR_OFF_NO_WP: without asking the peer for its window.
    const OFF_QUIETLY: u32 = u32::MAX;
    let socket = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&socket, sockopt::TcpRepair, &ON)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(here))?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(there))?;
    setsockopt(&socket, sockopt::TcpRepair, &OFF_QUIETLY)?;
    Ok(socket)
}

fn protect(end: impl AsFd) -> Result<(), Box<dyn Error>> {
    deadpeer_sys::sockopt::set_keepalive(&end, true)?;
    deadpeer_sys::sockopt::set_keepidle_s(&end, 300)?;
    deadpeer_sys::sockopt::set_keepintvl_s(&end, 50)?;
    deadpeer_sys::sockopt::set_user_timeout_ms(&end, Some(450_000))?;
    Ok(())
}

/// An address of 127.0.0.0/8 for every worker, and a port for each of its listeners.
fn address(worker: usize, listener: usize) -> SocketAddr {
    let [high, low] = (worker as u16).to_be_bytes();
    let address = Ipv4Addr::new(127, 1 + high, low, 1 + listener as u8);
    SocketAddr::from((address, 5000 + listener as u16))
}

fn usable_files() -> usize {
    getrlimit(Resource::Nofile)
        .maximum
        .and_then(|files| usize::try_from(files).ok())
        .unwrap_or(usize::MAX)
}
