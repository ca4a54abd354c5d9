//! The price of single calls: `inspect` against the bare getsockopt, and how soon `ping` has its
//! answer.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use deadpeer::Answer;
use deadpeer_sys::testing::ask_tcp_info;

use super::Target;

const ROUNDS: usize = 400;
const CALLS: u32 = 500;
const PINGS: usize = 40;
/// The longest tick of a kernel's clock.
const TICK: Duration = Duration::from_millis(10);

pub(super) fn targets() -> Result<Vec<Target>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let pairs: std::io::Result<Vec<_>> = (0..PINGS)
        .map(|_| {
            let near = TcpStream::connect(listener.local_addr()?)?;
            Ok((near, listener.accept()?.0))
        })
        .collect();
    let pairs = pairs?;
    let (socket, _) = pairs.first().context("a connection")?;
    Ok(vec![
        Target {
            what: "inspect / bare getsockopt(TCP_INFO)",
            measured: inspecting(socket)?,
            most: 1.1,
        },
        Target {
            what: "ping: ms until the answer, median, on a path of no length",
            measured: pinging(&pairs)?.as_secs_f64() * 1e3,
            most: 8.0,
        },
    ])
}

/// The calls take turns of a fraction of a millisecond, so that both see the same machine; the
/// median of how they compare counts, which what disturbs some turns does not move.
fn inspecting(socket: &TcpStream) -> Result<f64> {
    let (mut quickest, mut ratios) = ([f64::MAX; 2], Vec::new());
    for _ in 0..ROUNDS {
        let bare = timed(|| Ok(ask_tcp_info(socket, CALLS)?))?;
        let ours = timed(|| {
            for _ in 0..CALLS {
                std::hint::black_box(deadpeer::inspect(socket)?);
            }
            Ok(())
        })?;
        quickest = [quickest[0].min(bare), quickest[1].min(ours)];
        ratios.push(ours / bare);
    }
    let [bare, ours] = quickest;
    println!(
        "getsockopt(TCP_INFO) {:.0} ns, inspect {:.0} ns",
        bare * 1e9,
        ours * 1e9
    );
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[ratios.len() / 2])
}

/// Seconds a call.
fn timed(calls: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    calls()?;
    Ok(start.elapsed().as_secs_f64() / f64::from(CALLS))
}

/// Pings connections that have been silent long enough to be asked. They begin at every phase of
/// the kernel's clock: right after an answer, which comes with a tick, it is always a whole tick to
/// the next.
fn pinging(pairs: &[(TcpStream, TcpStream)]) -> Result<Duration> {
    std::thread::sleep(Duration::from_millis(1_200));
    let mut times = Vec::new();
    for (n, (near, _)) in (0..).zip(pairs) {
        std::thread::sleep(TICK * n / PINGS as u32);
        let start = Instant::now();
        let answer = deadpeer::ping(near, Duration::from_secs(2))?;
        if let Answer::Answered { .. } = answer {
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .copied()
        .context("no ping was answered")
}
