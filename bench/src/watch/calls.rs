//! The price of single calls: `inspect` against the bare getsockopt, and how soon `ping` has its
//! answer.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer::Answer;
use deadpeer_sys::testing::ask_tcp_info;

use crate::median::median;
use crate::target::at_most;

const ROUNDS: usize = 400;
const CALLS: u32 = 500;
const PINGS: usize = 40;
/// The longest tick of a kernel's clock.
const TICK: Duration = Duration::from_millis(10);

/// Prints how the targets were met; `true` if all were.
pub(super) fn targets() -> Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let pairs: std::io::Result<Vec<_>> = (0..PINGS)
        .map(|_| {
            let near = TcpStream::connect(listener.local_addr()?)?;
            Ok((near, listener.accept()?.0))
        })
        .collect();
    let pairs = pairs?;
    let (socket, _) = pairs.first().context("a connection")?;
    let times = inspecting(socket)?;
    let until_answer = "ping: ms until the answer, median, on a path of no length";
    let met = at_most("inspect / bare getsockopt(TCP_INFO)", times, 1.1);
    Ok(at_most(until_answer, pinging(&pairs)?, 8.0) & met)
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
    Ok(median(ratios))
}

/// Seconds a call.
fn timed(calls: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    calls()?;
    Ok(start.elapsed().as_secs_f64() / f64::from(CALLS))
}

/// Milliseconds until an answer. Pings connections that have been silent long enough to be asked.
/// They begin at every phase of the kernel's clock: right after an answer, which comes with a tick,
/// it is always a whole tick to the next.
fn pinging(pairs: &[(TcpStream, TcpStream)]) -> Result<f64> {
    std::thread::sleep(Duration::from_millis(1_200));
    let mut times = Vec::new();
    for (n, (near, _)) in (0..).zip(pairs) {
        std::thread::sleep(TICK * n / PINGS as u32);
        let start = Instant::now();
        let answer = deadpeer::ping(near, Duration::from_secs(2))?;
        if let Answer::Answered { .. } = answer {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    ensure!(!times.is_empty(), "no ping was answered");
    Ok(median(times))
}
