//! What the process and its network namespace have used up.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};

use crate::sample::{cpu, memory_kib};

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
            cpu: cpu(&getrusage(UsageWho::RUSAGE_SELF)?)?,
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
    Ok(memory_kib("self", "RssAnon:")? * 1024)
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
