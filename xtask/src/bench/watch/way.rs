//! One way to watch, measured in a process of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer::{News, Supervision, TcpState, Watch};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::{BEAT, DEADLINE, Peers};

/// After a connection is made and before anything is measured.
const SETTLE: Duration = Duration::from_secs(2);

/// The connections come over so long a time: those that are watched in the same moment are asked in the same tick of the timers, and more than a thousand
/// at once don't fit into the loopback's backlog.
const ARRIVALS: Duration = Duration::from_secs(8);

/// The ways that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Way {
    /// A tokio task each.
    Tasks,
    /// A supervised watch.
    Supervised,
    /// A watch that leaves it to the kernel.
    Kernel,
}

/// Measures one way and prints it.
#[derive(clap::Args)]
pub(crate) struct OneWay {
    way: Way,
    #[arg(long)]
    sockets: usize,
    #[arg(long)]
    seconds: u64,
}

/// What it cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Memory for each connection.
    pub(super) bytes: f64,
    /// CPU time of the process for each connection and second, microseconds.
    pub(super) cpu_us: f64,
    /// Packets for each connection and second, both ways.
    pub(super) packets: f64,
    /// How long it took to be told of all deaths once they had happened, milliseconds.
    pub(super) told_ms: f64,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Tasks, Self::Supervised, Self::Kernel];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Supervised => "supervised",
            Self::Kernel => "kernel",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tokio task each, read under a timeout",
            Self::Supervised => "Watch, supervised",
            Self::Kernel => "Watch, kernel only",
        }
    }
}

impl OneWay {
    pub(crate) fn run(&self) -> Result<bool> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let beat = match self.way {
            Way::Tasks => BEAT,
            Way::Supervised | Way::Kernel => Duration::ZERO,
        };
        let mut peers = Peers::start(listener.local_addr()?, self.sockets, beat)?;
        let accepted: std::io::Result<Vec<TcpStream>> = (0..self.sockets)
            .map(|_| Ok(listener.accept()?.0))
            .collect();
        let sockets = accepted.context("accepting")?;
        let window = Duration::from_secs(self.seconds);
        let end = || -> Result<()> {
            peers.kill()?;
            peers.wait()?;
            Ok(())
        };
        let measured = match self.way {
            Way::Tasks => tasks(sockets, window, end)?,
            Way::Supervised => {
                let watch = Watch::supervised(Supervision::within(DEADLINE))?;
                watched(watch, &sockets, window, end)?
            }
            Way::Kernel => watched(Watch::new()?, &sockets, window, end)?,
        };
        println!(
            "{} {} {} {}",
            measured.bytes, measured.cpu_us, measured.packets, measured.told_ms
        );
        Ok(true)
    }
}

impl Measured {
    pub(super) fn parse(line: &str) -> Result<Self> {
        let numbers: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        let [bytes, cpu_us, packets, told_ms] = numbers?[..] else {
            anyhow::bail!("not a measurement: {line}");
        };
        Ok(Self {
            bytes,
            cpu_us,
            packets,
            told_ms,
        })
    }

    pub(super) fn median(samples: &[Self]) -> Self {
        let middle = |number: fn(&Self) -> f64| {
            let mut numbers: Vec<f64> = samples.iter().map(number).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers[numbers.len() / 2]
        };
        Self {
            bytes: middle(|one| one.bytes),
            cpu_us: middle(|one| one.cpu_us),
            packets: middle(|one| one.packets),
            // The wall clock of a shared machine: the quickest.
            told_ms: samples
                .iter()
                .map(|one| one.told_ms)
                .fold(f64::MAX, f64::min),
        }
    }
}

fn watched(
    mut watch: Watch,
    sockets: &[TcpStream],
    window: Duration,
    end: impl FnOnce() -> Result<()>,
) -> Result<Measured> {
    let mut events = Vec::with_capacity(512);
    let before = anonymous_bytes()?;
    let (spacing, start) = (ARRIVALS.div_f64(sockets.len() as f64), Instant::now());
    for (key, socket) in (0..).zip(sockets) {
        let due = start + spacing * key as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        watch.add(socket, key)?;
    }
    let bytes = anonymous_bytes()?.saturating_sub(before);
    let mut idle = |time: Duration| -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            watch.wait(&mut events, Some(time.saturating_sub(start.elapsed())))?;
            ensure!(
                !events
                    .iter()
                    .any(|event| matches!(event.news, News::Died(_))),
                "a connection died by itself"
            );
        }
        Ok(())
    };
    idle(SETTLE)?;
    // Every connection is in its rhythm after its third look.
    idle(DEADLINE / 4)?;
    let (cpu, sent) = (cpu()?, packets()?);
    idle(window)?;
    let (cpu, sent) = (self::cpu()? - cpu, packets()? - sent);

    end()?;
    for socket in sockets {
        while deadpeer::inspect(socket)?.state == Some(TcpState::Established) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let (mut told, start) = (0, Instant::now());
    while told < sockets.len() {
        watch.wait(&mut events, None)?;
        let deaths = events
            .iter()
            .filter(|event| matches!(event.news, News::Died(_)));
        told += deaths.count();
    }
    Ok(measured(sockets.len(), bytes, cpu, sent, window, start))
}

fn tasks(
    sockets: Vec<TcpStream>,
    window: Duration,
    end: impl FnOnce() -> Result<()>,
) -> Result<Measured> {
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
    let idle = |time| runtime.block_on(async move { tokio::time::sleep(time).await });
    idle(SETTLE);
    let bytes = anonymous_bytes()?.saturating_sub(before);
    idle(BEAT);
    let (cpu, sent) = (cpu()?, packets()?);
    idle(window);
    let (cpu, sent) = (self::cpu()? - cpu, packets()? - sent);
    ensure!(
        ended.load(Ordering::Relaxed) == 0,
        "a connection died by itself"
    );
    end()?;
    thread::sleep(SETTLE);
    let start = Instant::now();
    runtime.block_on(async {
        while ended.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
    });
    Ok(measured(count, bytes, cpu, sent, window, start))
}

/// The usual way: whoever says nothing within the deadline is gone.
async fn read_until_end(mut socket: tokio::net::TcpStream) {
    use tokio::io::AsyncReadExt as _;
    let mut buffer = [0; 64];
    while let Ok(Ok(1..)) = tokio::time::timeout(DEADLINE, socket.read(&mut buffer)).await {}
}

fn measured(
    count: usize,
    bytes: usize,
    cpu: Duration,
    sent: u64,
    window: Duration,
    told_since: Instant,
) -> Measured {
    let told_ms = told_since.elapsed().as_secs_f64() * 1e3;
    let each = count as f64 * window.as_secs_f64();
    Measured {
        bytes: bytes as f64 / count as f64,
        cpu_us: cpu.as_secs_f64() * 1e6 / each,
        packets: sent as f64 / each,
        told_ms,
    }
}

/// Anonymous memory of this process.
fn anonymous_bytes() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("no RssAnon")?.parse::<usize>()? * 1024)
}

/// CPU time of this process.
fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("getrusage")?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(us)?))
}

/// TCP segments that left the sockets of this network namespace.
fn packets() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/snmp")?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = lines.next().zip(lines.next()).context("no TCP counters")?;
    let mut named = names.split(' ').zip(values.split(' '));
    let (_, value) = named
        .find(|(name, _)| *name == "OutSegs")
        .context("no OutSegs")?;
    Ok(value.parse()?)
}
