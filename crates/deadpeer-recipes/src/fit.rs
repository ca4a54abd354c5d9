//! The best that a program's knobs can do for a deadline.

use std::time::Duration;

use deadpeer_core::options::MAX_KEEPALIVE_S;
use deadpeer_core::{
    Effective, Forecast, Kernel, Notice, Policy, Silence, SlowReaders, Snapshot, SocketOptions,
    TcpState,
};

use crate::recipe::{Knob, Knobs};

/// Lost probes that a live peer should survive: two in a row are a common burst.
const SURVIVES: u32 = 2;
/// So many of those that are best on one path are compared on all.
const FINALISTS: usize = 4;
/// Probes are tried this far apart, seconds.
const INTERVALS: [u32; 12] = [1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 75];
/// And so many of them.
const COUNTS: [u32; 6] = [3, 4, 5, 6, 8, 9];

/// Values for the knobs, and what they promise.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Fit {
    /// What the sockets have: `None` where the kernel's own setting holds.
    pub options: SocketOptions,
    /// What that promises on every path whose RTO is at most 1 s.
    pub forecast: Forecast,
    /// The deadline.
    pub within: Duration,
}

impl Fit {
    /// Whether the deadline holds for this kind of silence.
    #[must_use]
    pub fn keeps(&self, silence: Silence) -> bool {
        self.forecast.outlook(silence).worst.meets(self.within)
    }

    /// The silences that may come over every open connection and are noticed too late or never.
    #[must_use]
    pub fn misses(&self) -> Vec<(Silence, Notice)> {
        let judged = Silence::JUDGED.into_iter();
        judged
            .filter(|silence| !self.keeps(*silence))
            .map(|silence| (silence, self.forecast.outlook(silence).worst))
            .collect()
    }

    pub(crate) fn of(options: SocketOptions, within: Duration, kernel: &Kernel) -> Self {
        let effective: Effective = options.resolve(&kernel.sysctls);
        Self {
            options,
            // RFC 6298, section 2.1: what TCP assumes of a path that it has not measured.
            forecast: Forecast::promised(&effective, Duration::from_secs(1), kernel),
            within,
        }
    }
}

/// The best values for these knobs. Always has an answer: where nothing keeps the deadline, what
/// comes nearest.
pub(crate) fn fit(knobs: &Knobs, within: Duration, kernel: &Kernel) -> Fit {
    if let Some(options) = planned(knobs, within, kernel) {
        return Fit::of(options, within, kernel);
    }
    // The worst case over every path takes its time: only the best on one path are asked for it.
    let roughly = |options: &SocketOptions| {
        let effective = options.resolve(&kernel.sysctls);
        let snapshot = Snapshot::new(TcpState::Established);
        rank(&Forecast::of(&effective, &snapshot, kernel), within)
    };
    let mut candidates = tried(knobs, within, kernel);
    candidates.sort_by_cached_key(roughly);
    let best = candidates.into_iter().rev().take(FINALISTS);
    let fits = best.map(|options| Fit::of(options, within, kernel));
    let best = fits.max_by_key(|fit| rank(&fit.forecast, within));
    best.unwrap_or_else(|| Fit::of(SocketOptions::new().keepalive(false), within, kernel))
}

/// Better is who keeps more silences, then who survives enough lost probes, then who sends less;
/// where idle peers are noticed too late in any case, who notices them first.
fn rank(forecast: &Forecast, within: Duration) -> (usize, u32, i64, i64) {
    let kept = |silence: &&Silence| forecast.outlook(**silence).worst.meets(within);
    let kept = Silence::JUDGED.iter().filter(kept).count();
    let survived = forecast.lost_probes_survived.unwrap_or(0);
    let idle = forecast.idle.worst;
    let late = match idle.latest() {
        Some(latest) if !idle.meets(within) => latest.as_millis() as i64,
        Some(_) | None => 0,
    };
    let packets = forecast.packets_per_idle_hour as i64;
    (kept, survived.min(SURVIVES), -late, -packets)
}

/// What core's own policy chooses, where every knob takes it.
fn planned(knobs: &Knobs, within: Duration, kernel: &Kernel) -> Option<SocketOptions> {
    let mut without_rto_max = *kernel;
    without_rto_max.rto_max_option = false;
    let policy = Policy::detect_within(within);
    let policy = match knobs.user_timeout {
        // Then nothing bounds what is not idle.
        Knob::Untouched => Silence::ALL
            .into_iter()
            .filter(|silence| *silence != Silence::Idle)
            .fold(policy, Policy::except),
        Knob::Free | Knob::Fixed(_) | Knob::Part(_) | Knob::Range(_) => policy
            .slow_readers(SlowReaders::Drop)
            .except(Silence::Connecting),
    };
    let plan = policy.plan(&without_rto_max).ok()?;
    let options = *plan.options();
    let taken = knobs.keepalive
        && takes(knobs.idle, options.keepidle_s)
        && takes(knobs.interval, options.keepintvl_s)
        && takes(knobs.count, options.keepcnt)
        && takes(
            knobs.user_timeout,
            options.user_timeout_ms.filter(|ms| *ms > 0),
        );
    (taken && options.syncnt.is_none()).then_some(options)
}

fn takes(knob: Knob, value: Option<u32>) -> bool {
    match (knob, value) {
        (Knob::Untouched, value) => value.is_none(),
        (Knob::Free, _) => true,
        (Knob::Range(range), Some(value)) => {
            value >= range.min.unwrap_or(0)
                && value <= range.max.unwrap_or(u32::MAX)
                && value % range.step.unwrap_or(1) == 0
        }
        (Knob::Fixed(fixed), Some(value)) => fixed == value,
        (Knob::Range(_) | Knob::Fixed(_) | Knob::Part(_), _) => false,
    }
}

/// Every combination worth a look that the knobs take.
fn tried(knobs: &Knobs, within: Duration, kernel: &Kernel) -> Vec<SocketOptions> {
    if !knobs.keepalive {
        return user_timeouts(knobs, within, 0, 0)
            .into_iter()
            .map(|timeout| {
                with(
                    SocketOptions::new().keepalive(false),
                    None,
                    None,
                    None,
                    timeout,
                )
            })
            .collect();
    }
    let seconds = u32::try_from(within.as_secs()).unwrap_or(u32::MAX);
    let sysctls = &kernel.sysctls;
    let mut all = Vec::new();
    for interval in values(knobs.interval, &INTERVALS) {
        for count in values(knobs.count, &COUNTS) {
            for idle in idles(knobs, interval, count, seconds, sysctls) {
                let interval = match knobs.interval {
                    Knob::Part(part) => Some((idle.unwrap_or(1) / part.idle_divided_by).max(1)),
                    Knob::Free | Knob::Fixed(_) | Knob::Range(_) | Knob::Untouched => interval,
                };
                let spacing = interval.unwrap_or(sysctls.keepalive_intvl_s);
                let first = idle.unwrap_or(sysctls.keepalive_time_s);
                for timeout in user_timeouts(knobs, within, first, spacing) {
                    let options = SocketOptions::new().keepalive(true);
                    all.push(with(options, idle, interval, count, timeout));
                }
            }
        }
    }
    all
}

fn with(
    mut options: SocketOptions,
    idle: Option<u32>,
    interval: Option<u32>,
    count: Option<u32>,
    user_timeout: Option<u32>,
) -> SocketOptions {
    options.keepidle_s = idle;
    options.keepintvl_s = interval;
    options.keepcnt = count;
    options.user_timeout_ms = user_timeout;
    options
}

/// The values to try for a knob; `None`: the kernel's own.
fn values(knob: Knob, some: &[u32]) -> Vec<Option<u32>> {
    match knob {
        Knob::Untouched | Knob::Part(_) => vec![None],
        Knob::Fixed(value) => vec![Some(value)],
        Knob::Free | Knob::Range(_) => {
            let taken = some.iter().copied().map(Some);
            taken.filter(|value| takes(knob, *value)).collect()
        }
    }
}

/// Idle times for an interval and a count: the longest that leaves room for the probes, and a few
/// shorter ones, since the kernel's timers round up.
fn idles(
    knobs: &Knobs,
    interval: Option<u32>,
    count: Option<u32>,
    within: u32,
    sysctls: &deadpeer_core::Sysctls,
) -> Vec<Option<u32>> {
    if !matches!(knobs.idle, Knob::Free | Knob::Range(_)) {
        return values(knobs.idle, &[]);
    }
    let count = count.unwrap_or(sysctls.keepalive_probes);
    let longest = match knobs.interval {
        // idle + idle / part * count = within
        Knob::Part(part) => within * part.idle_divided_by / (part.idle_divided_by + count),
        Knob::Free | Knob::Fixed(_) | Knob::Range(_) | Knob::Untouched => {
            let probing = interval
                .unwrap_or(sysctls.keepalive_intvl_s)
                .saturating_mul(count);
            within.saturating_sub(probing)
        }
    };
    let longest = longest.clamp(1, u32::from(MAX_KEEPALIVE_S));
    let shorter = [0, 1, 2, 3, 5, 8, 12, 20].map(|less| longest.saturating_sub(less).max(1));
    // Two times may be written where idle and data in flight share a deadline.
    let halves = [longest / 2, longest / 3, longest / 4].map(|part| part.max(1));
    let mut idles: Vec<_> = shorter.into_iter().chain(halves).map(Some).collect();
    idles.retain(|idle| takes(knobs.idle, *idle));
    idles.dedup();
    idles
}

/// User timeouts to try: none, and those that leave room for lost probes.
fn user_timeouts(knobs: &Knobs, within: Duration, idle: u32, interval: u32) -> Vec<Option<u32>> {
    let step = match knobs.user_timeout {
        Knob::Untouched | Knob::Part(_) => return vec![None],
        Knob::Fixed(ms) => return vec![Some(ms)],
        Knob::Free => 1000,
        Knob::Range(range) => range.step.unwrap_or(1000),
    };
    let ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
    // One lost probe may not be the end: the timeout is counted from the last word of the peer.
    let least = (idle + interval * SURVIVES) * 1000 + 1000;
    let shares = [ms / 2, ms / 3, ms * 2 / 3, ms.saturating_sub(2000), least];
    let mut timeouts: Vec<_> = shares
        .into_iter()
        .map(|ms| (ms / step * step).max(step))
        .map(Some)
        .filter(|ms| takes(knobs.user_timeout, *ms))
        .collect();
    timeouts.push(None);
    timeouts
}
