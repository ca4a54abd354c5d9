//! Two processors: the kernel's work on one, what is measured on the other.
//!
//! Timers and packets are dealt with in interrupts, where they were armed or sent, and a kernel
//! that does not count these by themselves (`CONFIG_IRQ_TIME_ACCOUNTING`) bills whoever runs there.

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The first and the last of those that this process may use; the same where it may use one alone.
pub(super) struct Processors {
    kernels: usize,
    ours: usize,
}

impl Processors {
    pub(super) fn two() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("which processors there are")?;
        let mut numbers = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
        let kernels = numbers.next().context("no processor")?;
        Ok(Self {
            kernels,
            ours: numbers.next_back().unwrap_or(kernels),
        })
    }

    /// What this thread arms and sends from now on, and the programs that it starts, are dealt with
    /// where the kernel works.
    pub(super) fn share_the_kernels(&self) -> Result<()> {
        stay_on(self.kernels)
    }

    /// This thread runs where nothing else is dealt with.
    pub(super) fn leave_the_kernels(&self) -> Result<()> {
        stay_on(self.ours)
    }
}

fn stay_on(number: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(number);
    sched_setaffinity(None, &one).context("choosing a processor")
}
