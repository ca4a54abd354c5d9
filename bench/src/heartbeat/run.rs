//! One contender, once, in a process of its own: virtual time, real CPU time and memory.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::advance;

use super::contender::{Contender, DEADLINE, Deadlines, Machine, Timers};
use super::rivals::{Queue, Tasks, Tree};
use super::{Cost, One};

/// In a second everybody is heard once, in this many steps.
const STEPS: usize = 1_000;
const STEP: Duration = Duration::from_millis(1);
/// A full round of the longest timers before measuring, so that they are spread as they will be.
const WARM_UP: u32 = 31;

/// Runs it and prints nanoseconds, nanoseconds, bytes.
pub(crate) fn one(one: &One) -> Result<bool> {
    let connections = one.connections;
    let cost = match one.contender {
        Contender::Alarms => drive(|| Timers::new(connections), WARM_UP, 60)?,
        Contender::Crowd => drive(|| Machine::new(connections), WARM_UP, 60)?,
        Contender::Tree => drive(|| Tree::new(connections), 1, 4)?,
        Contender::DelayQueue => on_tokio(queue(connections))?,
        Contender::Tasks => on_tokio(tasks(connections))?,
    };
    println!("{} {} {}", cost.heard_ns, cost.expiry_ns, cost.bytes);
    Ok(true)
}

/// The order in which connections are heard, the same for all contenders: random.
fn shuffle<H>(handles: &mut [H]) {
    fastrand::Rng::with_seed(1).shuffle(handles);
}

fn drive<D: Deadlines>(
    contender: impl FnOnce() -> (D, Vec<D::Handle>),
    warm_up: u32,
    seconds: u32,
) -> Result<Cost> {
    let before = resident()?;
    let (mut deadlines, mut handles) = contender();
    shuffle(&mut handles);
    let mut now = Duration::from_secs(1);
    let mut wrong = 0;
    let mut bytes = 0.0;
    let mut begin = cpu();
    for second in 0..warm_up + seconds {
        if second == warm_up {
            bytes = per_connection(before, &handles)?;
            begin = cpu();
        }
        for heard in handles.chunks(handles.len().div_ceil(STEPS)) {
            heard.iter().for_each(|one| deadlines.hear(*one, now));
            wrong += deadlines.pass(now);
            now += STEP;
        }
    }
    let heard_ns = per(begin, handles.len() * seconds as usize);
    // Nobody is heard any more, and for a while nobody's time has come.
    let first_deadline = now + DEADLINE - Duration::from_secs(1);
    while now < first_deadline {
        wrong += deadlines.pass(now);
        now += STEP;
    }
    ensure!(wrong == 0, "{wrong} live connections were called silent");
    let mut left = handles.len() as u32;
    let begin = cpu();
    while left > 0 {
        left -= deadlines.pass(now);
        now += STEP;
    }
    Ok(Cost {
        heard_ns,
        expiry_ns: per(begin, handles.len()),
        bytes,
    })
}

fn on_tokio(measure: impl Future<Output = Result<Cost>>) -> Result<Cost> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("building a runtime")?
        .block_on(measure)
}

/// As [`drive`], for a rival that lives on tokio's clock.
macro_rules! drive_on_tokio {
    ($rival:ident, $connections:ident) => {{
        const SECONDS: usize = 3;
        let before = resident()?;
        let (mut deadlines, mut handles) = $rival::new($connections);
        shuffle(&mut handles);
        let mut wrong = deadlines.pass().await;
        advance(Duration::from_secs(1)).await;
        let mut begin = cpu();
        let mut bytes = 0.0;
        for second in 0..=SECONDS {
            for heard in handles.chunks(handles.len().div_ceil(STEPS)) {
                heard.iter().for_each(|one| deadlines.hear(*one));
                wrong += deadlines.pass().await;
                advance(STEP).await;
            }
            // The first second warms up.
            if second == 0 {
                bytes = per_connection(before, &handles)?;
                begin = cpu();
            }
        }
        let heard_ns = per(begin, handles.len() * SECONDS);
        for _ in 0..(DEADLINE - Duration::from_secs(1)).as_millis() {
            wrong += deadlines.pass().await;
            advance(STEP).await;
        }
        ensure!(wrong == 0, "{wrong} live connections were called silent");
        let mut left = handles.len() as u32;
        let begin = cpu();
        while left > 0 {
            advance(STEP).await;
            left -= deadlines.pass().await;
        }
        Ok(Cost {
            heard_ns,
            expiry_ns: per(begin, handles.len()),
            bytes,
        })
    }};
}

async fn queue(connections: u32) -> Result<Cost> {
    drive_on_tokio!(Queue, connections)
}

async fn tasks(connections: u32) -> Result<Cost> {
    drive_on_tokio!(Tasks, connections)
}

/// CPU time of this thread: a shared machine's wall clock says little.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

fn per(begin: Duration, count: usize) -> f64 {
    (cpu() - begin).as_nanos() as f64 / count as f64
}

/// Bytes that a connection takes, without its handle, which is its own.
fn per_connection<H>(before: u64, handles: &[H]) -> Result<f64> {
    let all = resident()?.saturating_sub(before) as f64 / handles.len() as f64;
    Ok(all - size_of::<H>() as f64)
}

/// Bytes of this process in memory (proc(5), statm).
fn resident() -> Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").context("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1).context("two numbers")?;
    Ok(pages.parse::<u64>().context("a number")? * rustix::param::page_size() as u64)
}
