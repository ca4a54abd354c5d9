//! Binaries side by side: what each says is shown in one piece when it has ended.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::binary::{Binary, Runner};
use super::build::SILENCE;

/// One for each processor, and one for what waits meanwhile.
pub(super) fn at_once() -> usize {
    thread::available_parallelism().map_or(2, |processors| processors.get() + 1)
}

/// A binary that has ended.
struct Ended<'a> {
    binary: &'a Binary,
    passed: bool,
    said: File,
    took: Duration,
}

/// Runs the binaries in their order, so many at once. Returns those that failed.
pub(super) fn run<'a>(
    binaries: &'a [Binary],
    at_once: usize,
    runner: &Runner,
) -> Result<Vec<&'a Binary>> {
    let waiting = Mutex::new(binaries.iter());
    let running = Mutex::new(Vec::new());
    let mut failed = Vec::new();
    thread::scope(|scope| {
        let (sender, ended) = mpsc::channel();
        for _ in 0..at_once {
            let sender = sender.clone();
            let (waiting, running) = (&waiting, &running);
            scope.spawn(move || lane(waiting, running, runner, sender));
        }
        drop(sender);
        loop {
            match ended.recv_timeout(SILENCE) {
                Ok(ended) => {
                    let ended = ended?;
                    show(&ended)?;
                    failed.extend((!ended.passed).then_some(ended.binary));
                }
                Err(RecvTimeoutError::Timeout) => eprintln!("== running: {}", list(&running)),
                Err(RecvTimeoutError::Disconnected) => return Ok(failed),
            }
        }
    })
}

/// One after the other, until none is waiting or nobody listens.
fn lane<'a>(
    waiting: &Mutex<std::slice::Iter<'a, Binary>>,
    running: &Mutex<Vec<&'a Binary>>,
    runner: &Runner,
    sender: Sender<Result<Ended<'a>>>,
) {
    loop {
        let next = locked(waiting).next();
        let Some(binary) = next else { return };
        locked(running).push(binary);
        let ended = to_its_end(binary, runner);
        locked(running).retain(|one| !std::ptr::eq(*one, binary));
        if sender.send(ended).is_err() {
            return;
        }
    }
}

fn to_its_end<'a>(binary: &'a Binary, runner: &Runner) -> Result<Ended<'a>> {
    let start = Instant::now();
    // A file, for a pipe would be held open by whatever outlives the tests.
    let said = tempfile::tempfile().context("making a temporary file")?;
    let copy = || said.try_clone().context("copying a descriptor");
    let status = binary
        .command(runner)
        .stdin(std::process::Stdio::null())
        .stdout(copy()?)
        .stderr(copy()?)
        .status()
        .with_context(|| format!("starting {}", binary.executable.display()))?;
    Ok(Ended {
        binary,
        passed: status.success(),
        said,
        took: start.elapsed(),
    })
}

fn show(ended: &Ended<'_>) -> Result<()> {
    let mut said = &ended.said;
    let mut text = Vec::new();
    said.rewind().context("reading what a test said")?;
    said.read_to_end(&mut text)
        .context("reading what a test said")?;
    let word = if ended.passed { "ok" } else { "FAILED" };
    let took = ended.took.as_secs_f64();
    let mut out = io::stdout().lock();
    out.write_all(&text)
        .and_then(|()| writeln!(out, "== {word}, {took:.1} s: {}\n", ended.binary.target.0))
        .and_then(|()| out.flush())
        .context("writing")
}

fn list(running: &Mutex<Vec<&Binary>>) -> String {
    let names = locked(running)
        .iter()
        .map(|binary| binary.target.0.as_str())
        .collect::<Vec<_>>();
    names.join(", ")
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
