//! One way to watch, measured in a process of its own.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer::{News, Supervision, TcpState, Watch};

use super::meters::{Meters, anonymous_bytes};
use super::processors::Processors;
use super::{BEAT, DEADLINE, Peers};
use crate::median::{median, numbers};

/// After a connection is made and before anything is measured.
const SETTLE: Duration = Duration::from_secs(2);

/// The connections come over so long a time: those that are watched in the same moment are asked in
/// the same tick of the timers, and more than a thousand at once don't fit into the loopback's
/// backlog.
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
    cycles: u32,
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
    /// Packets that found the loopback's backlog full: whose probe is lost is asked and looked at
    /// again.
    pub(super) dropped: f64,
    /// CPU time until all deaths were told once they had happened, milliseconds. Nothing is waited
    /// for meanwhile: on a processor of its own it is as much by the clock.
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

    /// The time in which every connection has its turn.
    fn cycle(self) -> Duration {
        match self {
            Self::Tasks => BEAT,
            // The kernel's watch does nothing for any of them: to have as long for that.
            Self::Supervised | Self::Kernel => DEADLINE,
        }
    }

    /// How long the connections come over.
    fn arrivals(self) -> Duration {
        match self {
            Self::Supervised => ARRIVALS,
            Self::Tasks | Self::Kernel => Duration::ZERO,
        }
    }

    /// How long it takes until every connection is in its rhythm.
    fn settling(self) -> Duration {
        match self {
            Self::Tasks => BEAT,
            // After its third look.
            Self::Supervised => DEADLINE / 4,
            Self::Kernel => Duration::ZERO,
        }
    }
}

impl OneWay {
    pub(crate) fn run(&self) -> Result<bool> {
        let processors = Processors::two()?;
        processors.share_the_kernels()?;
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
        let window = self.way.cycle() * self.cycles;
        let end = || -> Result<()> {
            peers.kill()?;
            peers.wait()?;
            Ok(())
        };
        let measured = match self.way {
            Way::Tasks => tasks(sockets, window, &processors, end)?,
            Way::Supervised => {
                let watch = Watch::supervised(Supervision::within(DEADLINE))?;
                watched(self.way, watch, &sockets, window, &processors, end)?
            }
            Way::Kernel => {
                let watch = Watch::new()?;
                watched(self.way, watch, &sockets, window, &processors, end)?
            }
        };
        let Measured {
            bytes,
            cpu_us,
            packets,
            dropped,
            told_ms,
        } = measured;
        println!("{bytes} {cpu_us} {packets} {dropped} {told_ms}");
        Ok(true)
    }
}

impl Measured {
    fn new(count: usize, bytes: usize, spent: &Meters, window: Duration, told: Duration) -> Self {
        let each = count as f64 * window.as_secs_f64();
        Self {
            bytes: bytes as f64 / count as f64,
            cpu_us: spent.cpu.as_secs_f64() * 1e6 / each,
            packets: spent.packets as f64 / each,
            dropped: spent.dropped as f64,
            told_ms: told.as_secs_f64() * 1e3,
        }
    }

    pub(super) fn parse(line: &str) -> Result<Self> {
        let [bytes, cpu_us, packets, dropped, told_ms] = numbers(line)?;
        Ok(Self {
            bytes,
            cpu_us,
            packets,
            dropped,
            told_ms,
        })
    }

    pub(super) fn median(samples: &[Self]) -> Self {
        let middle = |number: fn(&Self) -> f64| median(samples.iter().map(number));
        Self {
            bytes: middle(|one| one.bytes),
            cpu_us: middle(|one| one.cpu_us),
            packets: middle(|one| one.packets),
            dropped: middle(|one| one.dropped),
            // It takes longer where others push what it needs out of the caches: the quickest.
            told_ms: samples
                .iter()
                .map(|one| one.told_ms)
                .fold(f64::MAX, f64::min),
        }
    }
}

fn watched(
    way: Way,
    mut watch: Watch,
    sockets: &[TcpStream],
    window: Duration,
    processors: &Processors,
    end: impl FnOnce() -> Result<()>,
) -> Result<Measured> {
    let mut events = Vec::with_capacity(512);
    let before = anonymous_bytes()?;
    let (spacing, start) = (way.arrivals().div_f64(sockets.len() as f64), Instant::now());
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
    idle(SETTLE + way.settling())?;
    processors.leave_the_kernels()?;
    let meters = Meters::read()?;
    idle(window)?;
    let spent = meters.until_now()?;

    end()?;
    for socket in sockets {
        while deadpeer::inspect(socket)?.state == Some(TcpState::Established) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let (mut told, meters) = (0, Meters::read()?);
    while told < sockets.len() {
        watch.wait(&mut events, None)?;
        let deaths = events
            .iter()
            .filter(|event| matches!(event.news, News::Died(_)));
        told += deaths.count();
    }
    let told = meters.until_now()?.cpu;
    Ok(Measured::new(sockets.len(), bytes, &spent, window, told))
}

fn tasks(
    sockets: Vec<TcpStream>,
    window: Duration,
    processors: &Processors,
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
    idle(Way::Tasks.settling());
    processors.leave_the_kernels()?;
    let meters = Meters::read()?;
    idle(window);
    let spent = meters.until_now()?;
    ensure!(
        ended.load(Ordering::Relaxed) == 0,
        "a connection died by itself"
    );
    end()?;
    thread::sleep(SETTLE);
    let meters = Meters::read()?;
    runtime.block_on(async {
        while ended.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
    });
    let told = meters.until_now()?.cpu;
    Ok(Measured::new(count, bytes, &spent, window, told))
}

/// The usual way: whoever says nothing within the deadline is gone.
async fn read_until_end(mut socket: tokio::net::TcpStream) {
    use tokio::io::AsyncReadExt as _;
    let mut buffer = [0; 64];
    while let Ok(Ok(1..)) = tokio::time::timeout(DEADLINE, socket.read(&mut buffer)).await {}
}
