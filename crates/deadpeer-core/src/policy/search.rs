//! Finding the options that keep a policy.
//!
//! Three settings share the deadline: keepalive's idle time, its burst of probes, and what bounds
//! data in flight. A write just before keepalive's verdict starts the second clock afresh, so both
//! clocks together must fit. The longest idle time that fits is found by halving, the forecast
//! being the judge: a plan cannot promise what the forecast does not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::timers::fires_within;
use super::{LONGEST_DEADLINE, Plan, Policy, SlowReaders, SysctlSettings};
use crate::forecast::{Forecast, Notice, Paths, Prepared, Silence, Snapshot};
use crate::kernel::Kernel;
use crate::options::{MAX_KEEPALIVE_S, MAX_KEEPCNT, MAX_USER_TIMEOUT_MS, SocketOptions};
use crate::state::TcpState;
use crate::wheel::{Stretch, Wheel};

/// A quarter of the silence may go into the burst of probes, in at most this many: enough to ride
/// out a short outage, few enough to stay cheap.
const BURST_SHARE: u32 = 4;
const BURST_PROBES: u32 = 8;
/// Probes no further apart than the kernel's own default (`tcp_keepalive_intvl`): a burst should be
/// one.
const BURST_INTERVAL_S: u32 = 75;
/// A gentler bound is worth probes on an idle connection, until these begin after less than this
/// share of the deadline.
const IDLE_SHARE: u32 = 6;

/// Spacings to try for `TCP_RTO_MAX_MS`, milliseconds, widest first: the wider, the longer an
/// outage that data in flight survives, after close() as well, and the fewer packets.
const RTO_MAX_CHOICES_MS: [u32; 17] = [
    60_000, 45_000, 30_000, 20_000, 15_000, 12_000, 10_000, 8_000, 7_000, 6_000, 5_000, 4_000,
    3_000, 2_500, 2_000, 1_500, 1_000,
];
/// Values to try for `tcp_retries2`, largest first. With 5 data in flight survives an outage of
/// 12.6 s, with 4 one of 6.2 s; fewer would end connections of the whole namespace in outages that
/// are common.
const RETRIES2_CHOICES: RangeInclusive<u32> = 4..=14;
/// The user timeout that is certain to carry what was written last over an outage, as a multiple of
/// that: retransmissions come at times that double, and late by up to an eighth.
const OUTAGE_SHARE: (u32, u32) = (9, 4);

/// The search for plans on one kernel and its paths. What keepalive plays no part in is computed
/// once.
pub(super) struct Search<'a> {
    pub(super) kernel: &'a Kernel,
    highest_rto: Duration,
    prepared: RefCell<BTreeMap<Bound, Prepared>>,
}

impl<'a> Search<'a> {
    /// For policies that differ in anything but the paths.
    pub(super) fn new(policy: &Policy, kernel: &'a Kernel) -> Self {
        Self {
            kernel,
            highest_rto: policy.path_rto,
            prepared: RefCell::default(),
        }
    }

    /// The best plan, or `None` if no options keep the policy: the one with the gentlest bound that
    /// leaves room for idleness, else that with the longest idle time.
    pub(super) fn plan(&self, policy: &Policy) -> Option<Plan> {
        if !is_sane(policy) {
            return None;
        }
        let idle = |plan: &Plan| plan.options.keepidle_s.unwrap_or(0);
        let roomy =
            |plan: &Plan| Duration::from_secs(u64::from(idle(plan))) * IDLE_SHARE >= policy.within;
        let mut tight: Option<Plan> = None;
        for bound in bounds(policy, self.kernel) {
            match self.best_with(policy, bound) {
                Some(plan) if roomy(&plan) => return Some(plan),
                Some(plan) if tight.is_none_or(|tight| idle(&tight) < idle(&plan)) => {
                    tight = Some(plan);
                }
                _ => {}
            }
        }
        tight
    }

    /// Whether there is a plan.
    pub(super) fn can_keep(&self, policy: &Policy) -> bool {
        let wishes = !policy.after_close.is_zero();
        // A user timeout that keepalive has a use for grows with the idle time, and with it what
        // survives.
        let later = |bound| {
            wishes && bound == Bound::UserTimeout && self.best_with(policy, bound).is_some()
        };
        let at_once = |bound| {
            self.attempt(policy, bound, 1, Burst::smallest(policy))
                .is_some()
        };
        let bounds = bounds(policy, self.kernel);
        is_sane(policy)
            && self.longest_silence_s(policy, 1).is_some()
            && (bounds.iter().copied().any(at_once) || bounds.iter().copied().any(later))
    }

    /// The options that notice soonest under a policy, whether or not that is soon enough.
    pub(super) fn soonest(&self, policy: &Policy) -> Forecast {
        let burst = Burst {
            probes: Burst::smallest(policy).probes.min(u32::from(MAX_KEEPCNT)),
            interval_s: 1,
        };
        let bound = bounds(policy, self.kernel).pop().unwrap_or(Bound::Retries);
        let mut options = bound.with(keepalive(1, burst));
        options.syncnt = Some(1);
        if let Bound::UserTimeout = bound {
            options.user_timeout_ms = user_timeout_ms(self.kernel, 1, burst);
        }
        self.forecast(bound, &options)
    }

    /// The best plan with this bound.
    fn best_with(&self, policy: &Policy, bound: Bound) -> Option<Plan> {
        if bound == Bound::UserTimeout && !policy.after_close.is_zero() {
            // The longest that keepalive has a use for may be long enough for what is written last,
            // too.
            let any = policy.after_close(Duration::ZERO);
            let plan = self.longest_idle(&any, bound).map(|plan| Plan {
                policy: *policy,
                ..plan
            });
            if let Some(plan) = plan.filter(keeps) {
                return Some(plan);
            }
        }
        self.longest_idle(policy, bound)
    }

    /// The plan with the longest idle time under this bound, with a generous burst if that fits,
    /// else with the smallest.
    fn longest_idle(&self, policy: &Policy, bound: Bound) -> Option<Plan> {
        let longest = u32::try_from(policy.within.as_secs())
            .unwrap_or(u32::MAX)
            .clamp(1, u32::from(MAX_KEEPALIVE_S));
        let longest = self.longest_silence_s(policy, longest)?;
        let smallest = Burst::smallest(policy);
        let attempt = |idle: u32, burst: Burst| self.attempt(policy, bound, idle, burst);
        // The generous burst is a share of the silence that fits.
        let fits = longest_that(longest, |idle| attempt(idle, smallest).is_some())?;
        let generous = Burst::generous(fits + smallest.seconds(), smallest);
        [generous, smallest].into_iter().find_map(|burst| {
            let idle = longest_that(longest, |idle| attempt(idle, burst).is_some())?;
            attempt(idle, burst)
        })
    }

    /// The longest silence before a probe that no middlebox takes for the end, seconds, up to
    /// `most`.
    pub(super) fn longest_silence_s(&self, policy: &Policy, most: u32) -> Option<u32> {
        match policy.middlebox {
            Some(limit) => longest_that(most, |s| fires_within(s, self.kernel) < limit),
            None => Some(most),
        }
    }

    /// The plan with exactly these settings, if it keeps the policy.
    fn attempt(&self, policy: &Policy, bound: Bound, idle: u32, burst: Burst) -> Option<Plan> {
        // An answered probe is followed by another after the interval at the soonest.
        if policy.middlebox.is_some() && burst.interval_s > idle {
            return None;
        }
        let mut options = bound.with(keepalive(idle, burst));
        if let Bound::UserTimeout = bound {
            let (times, parts) = OUTAGE_SHARE;
            let outage = policy.after_close.saturating_mul(times) / parts;
            let probes = user_timeout_ms(self.kernel, idle, burst)?;
            options.user_timeout_ms = Some(probes.max(whole_ms(outage)?));
        }
        if bound == Bound::UserTimeout && self.is_surely_late(policy, &options) {
            return None;
        }
        if policy.promises(Silence::Connecting) && options.user_timeout_ms == Some(0) {
            options.syncnt = self.syncnt(policy, bound, &options)?;
        }
        let forecast = self.forecast(bound, &options);
        if let (Bound::UserTimeout, Some(lost)) = (bound, forecast.lost_probes_survived) {
            // It has no part, so it says what the user timeout does.
            options.keepcnt = Some(lost.saturating_add(1).min(u32::from(MAX_KEEPCNT)));
        }
        let plan = Plan {
            policy: *policy,
            options,
            sysctls: bound.sysctls(),
            forecast,
        };
        keeps(&plan).then_some(plan)
    }

    /// Whether one path and one clock rate are enough to see that the deadline is not kept.
    fn is_surely_late(&self, policy: &Policy, options: &SocketOptions) -> bool {
        let (hz, _) = self.kernel.clock_rates();
        let kernel = Kernel {
            hz: Some(hz),
            ..*self.kernel
        };
        let mut path = Snapshot::new(TcpState::Listen);
        path.rto = Some(self.highest_rto);
        let forecast = Forecast::of(&options.resolve(&kernel.sysctls), &path, &kernel);
        !is_in_time(policy, &forecast)
    }

    /// The SYN retries that fit: none set if the kernel's do, else the most. `None` if not even one
    /// fits.
    fn syncnt(
        &self,
        policy: &Policy,
        bound: Bound,
        options: &SocketOptions,
    ) -> Option<Option<u32>> {
        let fits = |syncnt| {
            let options = SocketOptions { syncnt, ..*options };
            let forecast = self.forecast(bound, &options);
            forecast.connecting.worst.meets(policy.within)
        };
        if fits(None) {
            return Some(None);
        }
        (1..self.kernel.sysctls.syn_retries)
            .rev()
            .map(Some)
            .find(|n| fits(*n))
    }

    /// The forecast for every path that the policy allows, or, where they cap the RTO, that the
    /// options do.
    fn forecast(&self, bound: Bound, options: &SocketOptions) -> Forecast {
        let kernel = bound.sysctls().on(self.kernel);
        let effective = options.resolve(&kernel.sysctls);
        let capped = options
            .rto_max_ms
            .map(|ms| Duration::from_millis(u64::from(ms)));
        let prepare =
            || Paths::new(capped.unwrap_or(self.highest_rto), &kernel).prepare(&effective);
        if let Bound::UserTimeout = bound {
            // It is different with each idle time.
            return prepare().forecast(&effective);
        }
        let mut prepared = self.prepared.borrow_mut();
        prepared
            .entry(bound)
            .or_insert_with(prepare)
            .forecast(&effective)
    }
}

/// Whether there can be a plan at all.
fn is_sane(policy: &Policy) -> bool {
    policy.within <= LONGEST_DEADLINE && policy.survive_lost_probes < u32::from(MAX_KEEPCNT)
}

/// What bounds data in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    /// The kernel as it is.
    Retries,
    /// `TCP_RTO_MAX_MS`, milliseconds.
    RtoMax(u32),
    /// The namespace's `tcp_retries2`.
    Retries2(u32),
    /// `TCP_USER_TIMEOUT`, as long as keepalive needs.
    UserTimeout,
}

impl Bound {
    fn with(self, options: SocketOptions) -> SocketOptions {
        let rto_max_ms = match self {
            Self::RtoMax(ms) => Some(ms),
            Self::Retries | Self::Retries2(_) | Self::UserTimeout => None,
        };
        SocketOptions {
            rto_max_ms,
            ..options
        }
    }

    fn sysctls(self) -> SysctlSettings {
        SysctlSettings {
            retries2: match self {
                Self::Retries2(n) => Some(n),
                Self::Retries | Self::RtoMax(_) | Self::UserTimeout => None,
            },
        }
    }
}

/// The bounds a policy allows on a kernel, gentlest first. A sysctl, which reaches every
/// connection, is the last resort.
fn bounds(policy: &Policy, kernel: &Kernel) -> Vec<Bound> {
    let mut bounds = vec![Bound::Retries];
    match policy.slow_readers {
        SlowReaders::Drop => bounds.push(Bound::UserTimeout),
        SlowReaders::Keep if kernel.rto_max_option => {
            bounds.extend(RTO_MAX_CHOICES_MS.map(Bound::RtoMax));
        }
        SlowReaders::Keep if policy.sysctls => {
            let lower = RETRIES2_CHOICES
                .rev()
                .filter(|n| *n < kernel.sysctls.retries2);
            bounds.extend(lower.map(Bound::Retries2));
        }
        SlowReaders::Keep => {}
    }
    bounds
}

/// The largest number from 1 to `most` that fits, where all below a fitting one fit.
fn longest_that(most: u32, fits: impl Fn(u32) -> bool) -> Option<u32> {
    (most > 0 && fits(1)).then(|| farthest(1, most + 1, fits))
}

/// From a number that fits towards one that does not, the last that fits.
pub(super) fn farthest(mut fitting: u32, mut other: u32, fits: impl Fn(u32) -> bool) -> u32 {
    while fitting.abs_diff(other) > 1 {
        let middle = fitting.midpoint(other);
        match fits(middle) {
            true => fitting = middle,
            false => other = middle,
        }
    }
    fitting
}

/// The probes that follow the idle time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Burst {
    probes: u32,
    interval_s: u32,
}

impl Burst {
    fn seconds(self) -> u32 {
        self.probes * self.interval_s
    }

    /// What survives the lost probes that must be survivable.
    fn smallest(policy: &Policy) -> Self {
        Self {
            probes: policy.survive_lost_probes.saturating_add(1),
            interval_s: 1,
        }
    }

    /// A quarter of `silence_s`, spread over up to eight probes.
    fn generous(silence_s: u32, smallest: Self) -> Self {
        let share = silence_s / BURST_SHARE;
        let probes = share.clamp(1, BURST_PROBES).max(smallest.probes);
        Self {
            probes,
            interval_s: (share / probes).clamp(1, BURST_INTERVAL_S),
        }
    }
}

fn keepalive(idle: u32, burst: Burst) -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(idle),
        keepintvl_s: Some(burst.interval_s),
        keepcnt: Some(burst.probes),
        // Said in any case: a user timeout that the socket has already would overrule everything
        // else.
        user_timeout_ms: Some(0),
        ..SocketOptions::default()
    }
}

/// A user timeout that lets all probes of the burst go unanswered before it ends the connection,
/// however late the timers run.
fn user_timeout_ms(kernel: &Kernel, idle: u32, burst: Burst) -> Option<u32> {
    let latest_probe = |hz| {
        let wheel = Wheel::new(hz, None);
        let latest = |s| wheel.fire(Stretch::at(0), wheel.seconds(s)).last;
        wheel.time(latest(idle) + latest(burst.interval_s) * i64::from(burst.probes - 1) + 2)
    };
    let (hz, others) = kernel.clock_rates();
    let latest = others
        .iter()
        .fold(latest_probe(hz), |latest, hz| latest.max(latest_probe(*hz)));
    whole_ms(latest)
}

/// As a user timeout, if the kernel takes it.
fn whole_ms(time: Duration) -> Option<u32> {
    u32::try_from(time.as_millis())
        .ok()
        .filter(|ms| *ms <= MAX_USER_TIMEOUT_MS)
}

/// Whether the forecast is what the policy asks for.
fn keeps(plan: &Plan) -> bool {
    let policy = &plan.policy;
    let in_time = is_in_time(policy, &plan.forecast);
    let survives = plan.forecast.lost_probes_survived >= Some(policy.survive_lost_probes);
    let spares =
        policy.slow_readers == SlowReaders::Drop || plan.forecast.slow_reader == Notice::Never;
    let arrives = plan.forecast.after_close.outage_survived >= policy.after_close;
    in_time && survives && spares && arrives
}

fn is_in_time(policy: &Policy, forecast: &Forecast) -> bool {
    Silence::ALL
        .into_iter()
        .filter(|silence| policy.promises(*silence))
        .all(|silence| forecast.outlook(silence).worst.meets(policy.within))
}
