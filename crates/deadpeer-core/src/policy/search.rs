//! Finding the options that keep a policy.
//!
//! Three settings share the deadline: keepalive's idle time, its burst of probes, and what bounds data in
//! flight. A write just before keepalive's verdict starts the second clock afresh, so both clocks
//! together must fit. The longest idle time that fits is found by halving, the forecast being the judge: a
//! plan cannot promise what the forecast does not.

use std::time::Duration;

use super::{LONGEST_DEADLINE, Plan, Policy, SlowReaders};
use crate::forecast::{Forecast, Paths, Prepared, Silence};
use crate::kernel::Kernel;
use crate::options::{
    MAX_KEEPALIVE_S, MAX_KEEPCNT, MAX_USER_TIMEOUT_MS, MIN_RTO_MAX_MS, SocketOptions,
};
use crate::wheel::{Stretch, Wheel};

/// A quarter of the silence may go into the burst of probes, in at most this many: enough to ride out a short
/// outage, few enough to stay cheap.
const BURST_SHARE: u32 = 4;
const BURST_PROBES: u32 = 8;
/// Probes no further apart than the kernel's own default (`tcp_keepalive_intvl`): a burst should be one.
const BURST_INTERVAL_S: u32 = 75;

/// Spacings to try for `TCP_RTO_MAX_MS`, widest first: the wider, the longer an outage that
/// data in flight survives, and the fewer packets.
const RTO_MAX_CHOICES_S: [u32; 11] = [60, 45, 30, 20, 15, 10, 7, 5, 3, 2, 1];

/// The best plan, or `None` if no options keep the policy.
pub(super) fn plan(policy: &Policy, kernel: &Kernel) -> Option<Plan> {
    if policy.within > LONGEST_DEADLINE || policy.survive_lost_probes >= u32::from(MAX_KEEPCNT) {
        return None;
    }
    let roomy = |plan: &Plan| {
        let idle = u64::from(plan.options.keepidle_s.unwrap_or(0));
        Duration::from_secs(idle) * 3 >= policy.within
    };
    let mut tight = None;
    for bound in bounds(policy, kernel) {
        match best_with(policy, kernel, bound) {
            Some(plan) if roomy(&plan) => return Some(plan),
            plan => tight = plan.or(tight),
        }
    }
    tight
}

/// The options that notice soonest under a policy, whether or not that is soon enough.
pub(super) fn soonest(policy: &Policy, kernel: &Kernel) -> Forecast {
    let burst = Burst {
        probes: policy
            .survive_lost_probes
            .saturating_add(1)
            .min(u32::from(MAX_KEEPCNT)),
        interval_s: 1,
    };
    let mut options = keepalive(1, burst);
    options.syncnt = Some(1);
    match policy.slow_readers {
        SlowReaders::Drop => options.user_timeout_ms = user_timeout_ms(kernel, 1, burst),
        SlowReaders::Keep if kernel.rto_max_option => options.rto_max_ms = Some(MIN_RTO_MAX_MS),
        SlowReaders::Keep => {}
    }
    prepare(policy, kernel, &options).forecast(&options.resolve(&kernel.sysctls))
}

/// What bounds data in flight.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// The kernel as it is.
    Retries,
    /// `TCP_RTO_MAX_MS`, milliseconds.
    RtoMax(u32),
    /// `TCP_USER_TIMEOUT`, as long as keepalive needs.
    UserTimeout,
}

impl Bound {
    fn with(self, options: SocketOptions) -> SocketOptions {
        let rto_max_ms = match self {
            Self::RtoMax(ms) => Some(ms),
            Self::Retries | Self::UserTimeout => None,
        };
        SocketOptions {
            rto_max_ms,
            ..options
        }
    }

    /// What is the same for all plans with this bound; `None`: the user timeout is different in each.
    fn prepare<'a>(self, policy: &Policy, kernel: &'a Kernel) -> Option<Prepared<'a>> {
        match self {
            Self::UserTimeout => None,
            Self::Retries | Self::RtoMax(_) => Some(prepare(
                policy,
                kernel,
                &self.with(SocketOptions::default()),
            )),
        }
    }
}

/// The bounds a policy allows on a kernel, gentlest first.
fn bounds(policy: &Policy, kernel: &Kernel) -> Vec<Bound> {
    let mut bounds = vec![Bound::Retries];
    match policy.slow_readers {
        SlowReaders::Drop => bounds.push(Bound::UserTimeout),
        SlowReaders::Keep if kernel.rto_max_option => {
            bounds.extend(RTO_MAX_CHOICES_S.map(|s| Bound::RtoMax(s * MIN_RTO_MAX_MS)));
        }
        SlowReaders::Keep => {}
    }
    bounds
}

/// The plan with the longest idle time under this bound, with a generous burst if that fits, else with the smallest.
fn best_with(policy: &Policy, kernel: &Kernel, bound: Bound) -> Option<Plan> {
    let longest = u32::try_from(policy.within.as_secs())
        .unwrap_or(u32::MAX)
        .min(u32::from(MAX_KEEPALIVE_S));
    let smallest = Burst {
        probes: policy.survive_lost_probes + 1,
        interval_s: 1,
    };
    let prepared = bound.prepare(policy, kernel);
    let attempt =
        |idle: u32, burst: Burst| attempt(policy, kernel, bound, prepared.as_ref(), idle, burst);
    // The generous burst is a share of the silence that fits.
    let fits = longest_that(longest, |idle| attempt(idle, smallest).is_some())?;
    let generous = Burst::generous(fits + smallest.seconds(), smallest);
    [generous, smallest].into_iter().find_map(|burst| {
        let idle = longest_that(longest, |idle| attempt(idle, burst).is_some())?;
        attempt(idle, burst)
    })
}

/// The largest number from 1 to `most` that fits, where all below a fitting one fit.
fn longest_that(most: u32, fits: impl Fn(u32) -> bool) -> Option<u32> {
    if most == 0 || !fits(1) {
        return None;
    }
    let (mut fitting, mut too_long) = (1, most + 1);
    while too_long - fitting > 1 {
        let middle = fitting + (too_long - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            too_long = middle;
        }
    }
    Some(fitting)
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

/// The plan with exactly these settings, if it keeps the policy.
fn attempt(
    policy: &Policy,
    kernel: &Kernel,
    bound: Bound,
    prepared: Option<&Prepared<'_>>,
    idle: u32,
    burst: Burst,
) -> Option<Plan> {
    let mut options = bound.with(keepalive(idle, burst));
    if let Bound::UserTimeout = bound {
        options.user_timeout_ms = Some(user_timeout_ms(kernel, idle, burst)?);
    }
    let forecast = |options: &SocketOptions| match prepared {
        Some(prepared) => prepared.forecast(&options.resolve(&kernel.sysctls)),
        None => prepare(policy, kernel, options).forecast(&options.resolve(&kernel.sysctls)),
    };
    if policy.promises(Silence::Connecting) && options.user_timeout_ms == Some(0) {
        options.syncnt = syncnt(policy, kernel, &options, forecast)?;
    }
    let plan = Plan {
        policy: *policy,
        options,
        forecast: forecast(&options),
    };
    keeps(&plan).then_some(plan)
}

fn keepalive(idle: u32, burst: Burst) -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(idle),
        keepintvl_s: Some(burst.interval_s),
        keepcnt: Some(burst.probes),
        // Said in any case: a user timeout that the socket has already would overrule everything else.
        user_timeout_ms: Some(0),
        ..SocketOptions::default()
    }
}

/// A user timeout that lets all probes of the burst go unanswered before it ends the connection, however late the timers run.
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
    u32::try_from(latest.as_millis())
        .ok()
        .filter(|ms| *ms <= MAX_USER_TIMEOUT_MS)
}

/// The SYN retries that fit: none set if the kernel's do, else the most. `None` if not even one fits.
fn syncnt(
    policy: &Policy,
    kernel: &Kernel,
    options: &SocketOptions,
    forecast: impl Fn(&SocketOptions) -> Forecast,
) -> Option<Option<u32>> {
    let fits = |syncnt| {
        let options = SocketOptions { syncnt, ..*options };
        forecast(&options).connecting.worst.meets(policy.within)
    };
    if fits(None) {
        return Some(None);
    }
    (1..kernel.sysctls.syn_retries)
        .rev()
        .map(Some)
        .find(|n| fits(*n))
}

/// Forecasts for every path that the policy allows, or, where they cap the RTO, that the options do.
fn prepare<'a>(policy: &Policy, kernel: &'a Kernel, options: &SocketOptions) -> Prepared<'a> {
    let capped = options
        .rto_max_ms
        .map(|ms| Duration::from_millis(u64::from(ms)));
    Paths::new(capped.unwrap_or(policy.path_rto), kernel).prepare(&options.resolve(&kernel.sysctls))
}

/// Whether the forecast is what the policy asks for.
fn keeps(plan: &Plan) -> bool {
    let policy = &plan.policy;
    let in_time = Silence::ALL
        .into_iter()
        .filter(|silence| policy.promises(*silence))
        .all(|silence| plan.forecast.outlook(silence).worst.meets(policy.within));
    let survives = plan.forecast.lost_probes_survived >= Some(policy.survive_lost_probes);
    let spares =
        policy.slow_readers == SlowReaders::Drop || plan.forecast.slow_reader.latest().is_none();
    in_time && survives && spares
}
