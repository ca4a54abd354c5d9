//! The seeded source of all choices.

use std::ops::Range;
use std::time::Duration;

use deadpeer_core::{Kernel, Policy, SlowReaders, SocketOptions};

/// Deadlines that plans are made for, seconds.
const DEADLINES: [u64; 5] = [20, 30, 60, 120, 300];

pub(super) struct Dice {
    rng: fastrand::Rng,
    /// The options of plans for several deadlines, slow readers kept or not.
    plans: Vec<SocketOptions>,
}

/// Settings of the namespace, the same for all connections of a run: small enough to wait for.
pub(super) struct Settings {
    pub(super) before: Vec<(&'static str, u32)>,
    /// What `tcp_keepalive_time` becomes while connections run that follow it.
    pub(super) keepalive_time_after: u32,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let kernel = Kernel::modern(None);
        let deadlines = DEADLINES.map(Duration::from_secs);
        let plans = deadlines.into_iter().flat_map(|within| {
            [SlowReaders::Keep, SlowReaders::Drop].map(|slow_readers| {
                let policy = Policy::detect_within(within).slow_readers(slow_readers);
                policy.plan(&kernel).map(|plan| *plan.options())
            })
        });
        Self {
            rng: fastrand::Rng::with_seed(seed),
            plans: plans.flatten().collect(),
        }
    }

    pub(super) fn settings(&mut self) -> Settings {
        let fin_timeout = if self.one_in(4) {
            self.u32(61..63)
        } else {
            self.u32(4..9)
        };
        let orphan_retries = if self.bool() { 0 } else { self.u32(1..5) };
        // So few end most connections before any other limit.
        let retries2 = if self.one_in(4) {
            self.u32(0..3)
        } else {
            self.u32(3..7)
        };
        Settings {
            before: vec![
                ("tcp_retries2", retries2),
                ("tcp_orphan_retries", orphan_retries),
                ("tcp_fin_timeout", fin_timeout),
                ("tcp_synack_retries", self.u32(2..5)),
                ("tcp_keepalive_time", self.u32(6..40)),
            ],
            keepalive_time_after: self.u32(2..20),
        }
    }

    /// The options of some plan.
    pub(super) fn plan(&mut self) -> SocketOptions {
        self.rng.choice(&self.plans).copied().unwrap_or_default()
    }

    pub(super) fn bool(&mut self) -> bool {
        self.rng.bool()
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(0..n) == 0
    }

    pub(super) fn u32(&mut self, range: Range<u32>) -> u32 {
        self.rng.u32(range)
    }

    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }

    /// A part of a duration, `range` in thousandths.
    pub(super) fn part(&mut self, of: Duration, range: Range<u32>) -> Duration {
        of * self.u32(range) / 1_000
    }
}
