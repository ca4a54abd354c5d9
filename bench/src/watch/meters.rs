//! What the process and its network namespace have used up.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// What a measurement counts.
pub(super) struct Meters {
    /// CPU time of this process.
    pub(super) cpu: Duration,
    /// TCP segments that left the sockets of this network namespace.
    pub(super) packets: u64,
    /// Packets that the loopback of this network namespace threw away.
    pub(super) dropped: u64,
}

impl Meters {
    pub(super) fn read() -> Result<Self> {
        Ok(Self {
            cpu: cpu()?,
            packets: packets()?,
            dropped: dropped()?,
        })
    }

    /// What was counted since.
    pub(super) fn until_now(self) -> Result<Self> {
        let now = Self::read()?;
        Ok(Self {
            cpu: now.cpu - self.cpu,
            packets: now.packets - self.packets,
            dropped: now.dropped - self.dropped,
        })
    }
}

/// Anonymous memory of this process.
pub(super) fn anonymous_bytes() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("no RssAnon")?.parse::<usize>()? * 1024)
}

fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("getrusage")?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(us)?))
}

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

fn dropped() -> Result<u64> {
    // After the name: bytes, packets, errors, dropped of what was received.
    let text = fs::read_to_string("/proc/thread-self/net/dev")?;
    let mut lines = text.lines().map(str::trim_start);
    let counters = lines.find_map(|line| line.strip_prefix("lo:"));
    let dropped = counters.and_then(|counters| counters.split_whitespace().nth(3));
    Ok(dropped.context("no loopback")?.parse()?)
}
