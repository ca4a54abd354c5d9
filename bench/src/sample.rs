//! One run of a command: CPU, wall clock, memory.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::output;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::median::{median, numbers};

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
    pub(super) cpu_ms: f64,
    pub(super) wall_ms: f64,
    pub(super) peak_mib: f64,
}

/// Runs the command with its output thrown away and prints the sample.
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
    let sample = Sample {
        cpu_ms: cpu(&usage)?.as_secs_f64() * 1e3,
        wall_ms: wall.as_secs_f64() * 1e3,
        peak_mib: usage.max_rss() as f64 / 1024.0,
    };
    println!("{sample}");
    Ok(true)
}

/// User and system time together.
pub(super) fn cpu(usage: &Usage) -> Result<Duration> {
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(us.try_into()?))
}

/// A figure of a process's memory, by its name in /proc/PID/status.
pub(super) fn memory_kib(pid: impl fmt::Display, name: &str) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = kib.and_then(|kib| kib.split_whitespace().next());
    Ok(kib.with_context(|| format!("no {name}"))?.parse()?)
}

impl Sample {
    /// Runs a command in a process of its own.
    pub(super) fn of(command: &[&str]) -> Result<Self> {
        let mut sample = Command::new(std::env::current_exe()?);
        Self::parse(&output(sample.args(["sample", "--"]).args(command))?)
    }

    /// Reads what was printed.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let [cpu_ms, wall_ms, peak_mib] = numbers(text)?;
        Ok(Self {
            cpu_ms,
            wall_ms,
            peak_mib,
        })
    }

    /// The sample whose every figure is the median.
    pub(super) fn median(samples: &[Self]) -> Self {
        let middle = |of: fn(&Self) -> f64| median(samples.iter().map(of));
        Self {
            cpu_ms: middle(|sample| sample.cpu_ms),
            wall_ms: middle(|sample| sample.wall_ms),
            peak_mib: middle(|sample| sample.peak_mib),
        }
    }

    /// The median of each of some commands, which run in turn.
    pub(super) fn medians(commands: &[&[&str]], rounds: usize) -> Result<Vec<Self>> {
        let mut samples = vec![Vec::new(); commands.len()];
        for _ in 0..rounds {
            for (command, samples) in commands.iter().zip(&mut samples) {
                samples.push(Self::of(command)?);
            }
        }
        Ok(samples
            .iter()
            .map(|samples| Self::median(samples))
            .collect())
    }
}

/// Three numbers: milliseconds, milliseconds, MiB.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.cpu_ms, self.wall_ms, self.peak_mib)
    }
}
