//! What it costs to watch many connections: memory, CPU while nothing happens, and the time until many deaths are told.
//!
//! `cargo run --release --example watch_cost --features tokio -- WAY COUNT SECONDS`, best inside `unshare -n` with the loopback
//! interface up. WAY is `kernel` or `supervised` for the two kinds of watch, and `tokio` for the usual way: a task per
//! connection that reads under a timeout. Prints the memory per connection, the CPU time per connection and second, and how
//! long it took to be told of all deaths once they had happened.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use deadpeer::{News, Supervision, TcpState, Watch};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DEADLINE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["peer", address, count] => peer(address, count.parse()?),
        [way, count, seconds] => measure(way, count.parse()?, seconds.parse()?),
        _ => Err("usage: watch_cost kernel|supervised|tokio COUNT SECONDS".into()),
    }
}

/// The other ends, in a process that can be killed.
fn peer(address: &str, count: usize) -> Result<()> {
    let ends: io::Result<Vec<_>> = (0..count).map(|_| TcpStream::connect(address)).collect();
    let ends = ends?;
    io::stdin().read_line(&mut String::new())?;
    drop(ends);
    Ok(())
}

fn measure(way: &str, count: usize, seconds: u64) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut peer = Command::new(env::current_exe()?)
        .args([
            "peer",
            &listener.local_addr()?.to_string(),
            &count.to_string(),
        ])
        .stdin(Stdio::piped())
        .spawn()?;
    let accepted: io::Result<Vec<_>> = (0..count).map(|_| Ok(listener.accept()?.0)).collect();
    let sockets = accepted?;
    let idle = Duration::from_secs(seconds);
    let mut end = || -> Result<()> {
        peer.kill()?;
        peer.wait()?;
        Ok(())
    };
    match way {
        "tokio" => with_tasks(sockets, idle, &mut end),
        "kernel" => with_watch(Watch::new()?, &sockets, idle, &mut end),
        "supervised" => {
            let watch = Watch::supervised(Supervision::within(DEADLINE))?;
            with_watch(watch, &sockets, idle, &mut end)
        }
        other => Err(format!("{other} is no way to watch").into()),
    }
}

fn with_watch(
    mut watch: Watch,
    sockets: &[TcpStream],
    idle: Duration,
    end: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let mut events = Vec::with_capacity(512);
    let before = anonymous_bytes()?;
    for (key, socket) in (0..).zip(sockets) {
        watch.add(socket, key)?;
    }
    let bytes = anonymous_bytes()?.saturating_sub(before);

    let (cpu, start) = (cpu_ns()?, Instant::now());
    while start.elapsed() < idle {
        watch.wait(&mut events, Some(idle.saturating_sub(start.elapsed())))?;
    }
    let cpu = cpu_ns()? - cpu;

    end()?;
    for socket in sockets {
        while deadpeer::inspect(socket)?.state == Some(TcpState::Established) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let (mut told, start) = (0, Instant::now());
    while told < sockets.len() {
        watch.wait(&mut events, None)?;
        let deaths = events.iter().filter(|e| matches!(e.news, News::Died(_)));
        told += deaths.count();
    }
    report(sockets.len(), bytes, cpu, idle, start.elapsed());
    Ok(())
}

fn with_tasks(
    sockets: Vec<TcpStream>,
    idle: Duration,
    end: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let count = sockets.len();
    let ended = Arc::new(AtomicUsize::new(0));
    let before = anonymous_bytes()?;
    for socket in sockets {
        socket.set_nonblocking(true)?;
        let ended = Arc::clone(&ended);
        let _inside = runtime.enter();
        let socket = tokio::net::TcpStream::from_std(socket)?;
        runtime.spawn(async move {
            read_until_end(socket).await;
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    let sleep = |time| runtime.block_on(async move { tokio::time::sleep(time).await });
    sleep(Duration::from_millis(500));
    let bytes = anonymous_bytes()?.saturating_sub(before);
    let cpu = cpu_ns()?;
    sleep(idle);
    let cpu = cpu_ns()? - cpu;
    end()?;
    thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    runtime.block_on(async {
        while ended.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
    });
    report(count, bytes, cpu, idle, start.elapsed());
    Ok(())
}

/// The usual way: whatever does not come within a while is asked for again.
async fn read_until_end(mut socket: tokio::net::TcpStream) {
    use tokio::io::AsyncReadExt as _;
    let mut buffer = [0; 1024];
    loop {
        let read = socket.read(&mut buffer);
        match tokio::time::timeout(Duration::from_secs(1), read).await {
            Err(_elapsed) => {}
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {}
        }
    }
}

fn report(count: usize, bytes: usize, cpu_ns: u64, idle: Duration, told: Duration) {
    let each = cpu_ns as f64 / 1_000.0 / count as f64 / idle.as_secs_f64();
    println!(
        "{count} connections: {} bytes each, {each:.3} us of CPU each and second, all deaths told in {:.1} ms",
        bytes / count,
        told.as_secs_f64() * 1_000.0
    );
}

/// Anonymous memory of this process.
fn anonymous_bytes() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("no RssAnon")?.parse::<usize>()? * 1024)
}

/// CPU time of this thread.
fn cpu_ns() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next();
    Ok(first.ok_or("an empty schedstat")?.parse()?)
}
