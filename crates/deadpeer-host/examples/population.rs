//! A machine full of TCP connections, for benchmarks: makes them in a private network namespace, runs a
//! command beside them, and takes them away again.
//!
//! ```text
//! population SOCKETS COMMAND [ARGUMENT...]
//! ```
//!
//! Makes at least SOCKETS established sockets (both ends of every loopback connection count), spread over
//! as many processes as the limit of open files asks for, over listening addresses and ports. Half of the
//! connections have keepalive and a user timeout set, on both ends. Needs root, or `unshare -Ur`.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::{env, fs, io};

use deadpeer_sys::{netns, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a worker needs beside its connections.
const SPARE: usize = 200;
/// Listeners of a worker.
const LISTENERS: usize = 16;
/// Connections of a worker, if the limit of open files allows it.
const WORKER_MAX: usize = 9_000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--worker", number, connections] => {
            work(number.parse()?, connections.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        [sockets, command, ref arguments @ ..] => {
            populate(sockets.parse()?, Command::new(command).args(arguments))
        }
        _ => Err("usage: population SOCKETS COMMAND [ARGUMENT...]".into()),
    }
}

fn populate(sockets: usize, command: &mut Command) -> Result<ExitCode, Box<dyn Error>> {
    isolate(sockets)?;
    let each = usable_files()
        .saturating_sub(SPARE)
        .div_euclid(2)
        .clamp(1, WORKER_MAX);
    let connections = sockets.div_ceil(2);
    let workers = (0..connections.div_ceil(each))
        .map(|number| start(number, each.min(connections - number * each)))
        .collect::<io::Result<Vec<_>>>()?;
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

/// Enters a namespace whose table of connections is its own and as large as a machine with so many has it.
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

fn start(number: usize, connections: usize) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args(["--worker", &number.to_string(), &connections.to_string()])
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

fn work(number: usize, connections: usize) -> Result<(), Box<dyn Error>> {
    let files = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: files.maximum,
            ..files
        },
    )?;
    let listeners = (0..LISTENERS)
        .map(|listener| TcpListener::bind(address(number, listener)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut ends = Vec::with_capacity(2 * connections);
    for connection in 0..connections {
        let listener = &listeners[connection % LISTENERS];
        let calling = TcpStream::connect(listener.local_addr()?)?;
        let (called, _) = listener.accept()?;
        for end in [calling, called] {
            if connection % 2 == 0 {
                protect(&end)?;
            }
            ends.push(end);
        }
    }
    io::stdout().write_all(b"ready\n")?;
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn protect(end: &TcpStream) -> Result<(), Box<dyn Error>> {
    sockopt::set_keepalive(end, true)?;
    sockopt::set_keepidle_s(end, 60)?;
    sockopt::set_keepintvl_s(end, 10)?;
    sockopt::set_user_timeout_ms(end, Some(90_000))?;
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
