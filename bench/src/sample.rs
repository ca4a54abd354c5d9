//! One run of a command: CPU, wall clock, memory.

use std::fmt;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::output;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// A command line.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// What a command took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// User and system time together.
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
    pub(super) peak_kib: u64,
}

/// Runs the command with its output thrown away and prints the sample: microseconds, microseconds,
/// KiB.
///
/// The kernel tells the peak memory of all children together: so each sample is a process of its
/// own.
pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let [program, rest @ ..] = arguments.command.as_slice() else {
        return Ok(false);
    };
    let start = Instant::now();
    let status = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("starting {program}"))?;
    let wall = start.elapsed();
    ensure!(status.success(), "{program}: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let sample = Sample {
        cpu: Duration::from_micros(cpu.try_into()?),
        wall,
        peak_kib: usage.max_rss().try_into()?,
    };
    println!("{sample}");
    Ok(true)
}

impl Sample {
    /// Runs a command in a process of its own.
    pub(super) fn of(command: &[&str]) -> Result<Self> {
        let text = output(
            Command::new(std::env::current_exe()?)
                .args(["sample", "--"])
                .args(command),
        )?;
        text.parse()
    }

    /// The sample whose every figure is the median.
    pub(super) fn median(samples: &[Self]) -> Self {
        fn middle<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
            let mut values: Vec<T> = values.collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        }
        Self {
            cpu: middle(samples.iter().map(|s| s.cpu)).unwrap_or_default(),
            wall: middle(samples.iter().map(|s| s.wall)).unwrap_or_default(),
            peak_kib: middle(samples.iter().map(|s| s.peak_kib)).unwrap_or_default(),
        }
    }
}

/// Three numbers: microseconds, microseconds, KiB.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, wall) = (self.cpu.as_micros(), self.wall.as_micros());
        write!(f, "{cpu} {wall} {}", self.peak_kib)
    }
}

impl FromStr for Sample {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || {
            numbers
                .next()
                .context("a sample of three numbers")?
                .context("a number")
        };
        Ok(Self {
            cpu: Duration::from_micros(next()?),
            wall: Duration::from_micros(next()?),
            peak_kib: next()?,
        })
    }
}
