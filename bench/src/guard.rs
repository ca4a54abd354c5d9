//! `deadpeer guard` while it observes: what its sweeps take of a processor and of memory beside
//! many connections and beside few, and what its metrics and its memory of deaths take.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{cargo, output};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use tempfile::TempDir;

use super::beside::{self, Beside, Peers};
use super::sample::memory_kib;
use super::target::at_most;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Numbers of established sockets.
    #[arg(long, value_delimiter = ',', default_value = "50,40000,200000")]
    sockets: Vec<usize>,
    /// Over how many sweeps, one every ten seconds.
    #[arg(long, default_value_t = 3)]
    sweeps: usize,
    /// How many of the most sockets have something in flight that nobody answers, in a last round.
    #[arg(long, default_value_t = 100)]
    asked: usize,
}

/// How often it sweeps.
const SWEEP: Duration = Duration::from_secs(10);

/// How long a guard may take to begin.
const BEGIN: Duration = Duration::from_secs(60);

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let alone = metrics()? & deaths()?;
    let beside =
        |peers, sockets: &[usize]| beside::run("guard-beside", peers, arguments.sweeps, sockets);
    let sweeps = beside(Peers::Far, &arguments.sockets)?;
    let most = arguments.sockets.iter().copied().max();
    Ok(alone & sweeps & beside(Peers::Silent(arguments.asked), most.as_slice())?)
}

/// What a scrape takes where services are very many.
fn metrics() -> Result<bool> {
    let told = example("deadpeer-guard", "metrics")?;
    println!("10000 services");
    Ok(at_most("series", number(&told, "series")?, 2_500.0)
        & at_most("ms to write them", number(&told, "ms")?, 10.0))
}

/// A hundred thousand deaths within a second, with a history that nothing else is asked of.
fn deaths() -> Result<bool> {
    let told = example("deadpeer-history", "storm")?;
    println!("100000 deaths in a second");
    Ok(at_most("lost", number(&told, "lost")?, 0.0)
        & at_most("bytes each on disk", number(&told, "bytes")?, 100.0))
}

/// What an example of a crate prints.
fn example(package: &str, name: &str) -> Result<String> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "-p", package]);
    command.args(["--example", name]);
    output(&mut command)
}

/// The number before a word.
fn number(told: &str, word: &str) -> Result<f64> {
    let words: Vec<&str> = told.split_whitespace().collect();
    let before = words
        .windows(2)
        .find(|pair| pair[1].trim_matches(',') == word);
    let number = before.with_context(|| format!("{word} in {told}"))?[0];
    Ok(number.parse()?)
}

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    let mut guard = Guard::start(beside.deadpeer()?)?;
    guard.swept(1)?;
    let before = guard.cpu()?;
    // Whoever asks for its status makes it work.
    sleep(SWEEP * u32::try_from(beside.rounds)?);
    let spent = guard.cpu()? - before;
    let sweeps = guard.status("sweeps")? - 1;
    ensure!(sweeps > 0, "it did not sweep");
    // Where a sweep takes too much, it sweeps more seldom.
    let share = 100.0 * spent.as_secs_f64() / (SWEEP.as_secs_f64() * sweeps as f64);
    let peak_mib = memory_kib(guard.child.id(), "VmHWM:")? as f64 / 1024.0;
    let asked = guard.status("asked")?;
    println!(
        "{} sockets, {asked} of them asked, {sweeps} sweeps",
        beside.sockets
    );
    ensure!(asked == beside.asked, "{} are asked", beside.asked);
    let (most, mib) = match beside.sockets {
        0..1_000 => (0.1, 20.0),
        1_000..100_000 => (0.7, 64.0),
        _ => (3.0, 64.0),
    };
    Ok(at_most("percent of a processor", share, most) & at_most("peak MiB", peak_mib, mib))
}

/// A guard of this namespace without a configuration, ended when dropped.
struct Guard {
    child: Child,
    deadpeer: PathBuf,
    directory: TempDir,
}

impl Guard {
    fn start(deadpeer: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut command = Command::new(deadpeer);
        command.args(["guard", "--netns", "own", "--history"]);
        command.arg(directory.path().join("history.db"));
        command.env("RUNTIME_DIRECTORY", directory.path());
        command.stdin(Stdio::null()).stderr(Stdio::null());
        Ok(Self {
            child: command.spawn().context("starting the guard")?,
            deadpeer: deadpeer.into(),
            directory,
        })
    }

    /// Waits until it has swept so often.
    fn swept(&mut self, sweeps: usize) -> Result<()> {
        let bound = Instant::now() + BEGIN * u32::try_from(sweeps)?;
        while self.status("sweeps").unwrap_or(0) < sweeps {
            ensure!(Instant::now() < bound, "it does not sweep");
            ensure!(self.child.try_wait()?.is_none(), "it has ended");
            sleep(Duration::from_millis(500));
        }
        Ok(())
    }

    /// A number of its status.
    fn status(&self, name: &str) -> Result<usize> {
        let mut status = Command::new(&self.deadpeer);
        status.args(["guard", "status", "--json"]);
        let told = output(status.env("RUNTIME_DIRECTORY", self.directory.path()))?;
        let (_, rest) = told
            .split_once(&format!("\"{name}\":"))
            .context("a status")?;
        Ok(rest.split([',', '}']).next().unwrap_or_default().parse()?)
    }

    /// How long its threads have had a processor: /proc counts that in ticks, too coarse for one
    /// that sleeps.
    fn cpu(&self) -> Result<Duration> {
        let pid = Pid::from_raw(self.child.id().try_into()?);
        Ok(clock_getcpuclockid(pid)?.now()?.into())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
