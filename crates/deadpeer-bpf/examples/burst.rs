//! Many deaths at once, for `cargo xtask bench host`: how many a second are told, and whether any
//! is lost.
//!
//! ```text
//! burst CONNECTIONS
//! ```
//!
//! Makes connections in a private network namespace, in as many processes as the limit of open
//! files asks for, and lets all of them abort what they have at the same moment. Prints how many
//! deaths were told, how many were lost, and how many were told a second. Needs root.
#![expect(clippy::print_stdout, reason = "a program at the command line")]

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use deadpeer_bpf::{Engine, Watched};
use deadpeer_sys::{clock, netns};
use rustix::net::sockopt::set_socket_linger;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Of a process, well below the usual limit of 20,000 open files.
const EACH: usize = 9_000;
/// As `deadpeer watch` has it.
const BUFFER: usize = 4 << 20;
/// As `deadpeer watch` takes it after deaths were seen.
const BREATH: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--worker", connections] => work(connections.parse()?),
        [connections] => burst(connections.parse()?),
        _ => Err("usage: burst CONNECTIONS".into()),
    }
}

fn burst(connections: usize) -> Result<()> {
    netns::isolate()?;
    let here = u32::try_from(netns::inode(netns::open_current()?)?)?;
    let engine = Engine::open(clock::hz().ok_or("no clock rate")?)?;
    let mut workers = (0..connections.div_ceil(EACH))
        .map(|number| Worker::start(EACH.min(connections - number * EACH)))
        .collect::<Result<Vec<_>>>()?;
    for worker in &mut workers {
        worker.wait_until_ready()?;
    }
    let mut report = engine.deaths(Watched::Namespace(here), BUFFER)?;
    workers.iter_mut().for_each(Worker::abort);
    let begin = Instant::now();
    let (mut told, mut last) = (0, begin);
    let lost = loop {
        let before = told;
        report.drain(|_| told += 1);
        let lost = report.lost()?;
        if told > before {
            last = Instant::now();
        }
        let all = told + lost >= 2 * connections as u64;
        if all || begin.elapsed() > PATIENCE {
            break lost;
        }
        thread::sleep(BREATH);
    };
    for worker in workers {
        worker.end()?;
    }
    println!(
        "{told} {lost} {:.0}",
        told as f64 / (last - begin).as_secs_f64()
    );
    Ok(())
}

/// Holds both ends of its connections until its standard input ends, and aborts them.
fn work(connections: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let ends = (0..connections)
        .map(|_| {
            let caller = TcpStream::connect(listener.local_addr()?)?;
            let (called, _) = listener.accept()?;
            set_socket_linger(&caller, Some(Duration::ZERO))?;
            Ok((caller, called))
        })
        .collect::<io::Result<Vec<_>>>()?;
    io::stdout().write_all(b"ready\n")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(ends);
    Ok(())
}

struct Worker(Child);

impl Worker {
    fn start(connections: usize) -> Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args(["--worker", &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let output = self.0.stdout.as_mut().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match line.as_str() {
            "ready\n" => Ok(()),
            _ => Err("a worker could not make its connections".into()),
        }
    }

    fn abort(&mut self) {
        drop(self.0.stdin.take());
    }

    fn end(mut self) -> Result<()> {
        match self.0.wait()?.success() {
            true => Ok(()),
            false => Err("a worker failed".into()),
        }
    }
}
