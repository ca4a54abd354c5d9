//! What a supervised connection asks of the kernel and of the judge.

mod keeps;

pub use keeps::Keeps;

use std::time::Duration;

use super::loss::Loss;
use super::nanos::Nanos;
use super::user_timeout::{self, UserTimeout};
use crate::forecast::{Forecast, Notice, RTO_MIN_MS, Silence, Snapshot, Span, model_timeout_ms};
use crate::kernel::Kernel;
use crate::options::{
    Effective, MAX_KEEPALIVE_S, MAX_KEEPCNT, MAX_RTO_MAX_MS, MAX_SYNCNT, MIN_RTO_MAX_MS,
    SocketOptions,
};
use crate::state::TcpState;
use crate::wheel::{CLOCK_RATES, granularity};

/// One false alarm a year and connection, unless set.
const FALSE_ALARM_EVERY: Duration = Duration::from_secs(31_557_600);
/// The share of the deadline that an outage may take without a false alarm. What is left goes into
/// the silence before the first probe, and into the probe that finds the path mended.
const OUTAGE: (u32, u32) = (4, 5);
/// How long the answer to that probe may take.
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// A probe is timed from the last answer, which is dated to a timer tick or two.
const PROMPT: Duration = Duration::from_millis(100);
/// Time kept for the look itself.
const LOOK: Duration = Duration::from_millis(500);
/// So many questions go out in a deadline if the kernel allows it. On a path that turns lossy in
/// this moment, and then loses 40 of 100 packets each way, so many fail in a row once in a thousand
/// times.
const SUDDENLY_LOSSY: u32 = 16;
/// What is left of a wait when the kernel's timers have been late (kernel/time/timer.c: by an
/// eighth at most).
const PUNCTUAL: f64 = 7.0 / 8.0;

/// Which wins where the deadline and the certainty can't both hold at the measured loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Preference {
    /// No peer is called unreachable that may well be alive; the deadline slips.
    #[default]
    Certainty,
    /// The verdict comes at the deadline, right or wrong.
    Deadline,
}

/// How a connection is watched in user space: one deadline, and how sure the verdict must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Supervision {
    within: Nanos,
    false_alarm_every: Nanos,
    preference: Preference,
    /// The silence before the first probe, at the clock rate that leaves the least.
    idle_s: u32,
}

impl Supervision {
    /// A peer that vanished is called unreachable within `deadline`, but for loss that forbids it,
    /// and for deadlines under ten seconds on connections whose loss is not measured yet: these
    /// take ten ([`keeps`](Self::keeps)).
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        let supervision = Self {
            within: deadline.into(),
            false_alarm_every: FALSE_ALARM_EVERY.into(),
            preference: Preference::Certainty,
            idle_s: 0,
        };
        let idle_s = supervision.idle_s(&CLOCK_RATES);
        Self {
            idle_s: u32::try_from(idle_s).unwrap_or(u32::MAX),
            ..supervision
        }
    }

    /// The time in which a connection may expect one false alarm; a year unless set.
    #[must_use]
    pub fn false_alarm_every(self, time: Duration) -> Self {
        Self {
            false_alarm_every: time.into(),
            ..self
        }
    }

    /// What wins where the two can't both hold; [`Preference::Certainty`] unless set.
    #[must_use]
    pub fn prefer(self, preference: Preference) -> Self {
        Self { preference, ..self }
    }

    /// The deadline.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.within.get()
    }

    /// The options that make the kernel ask and keep it from deciding: keepalive, a user timeout,
    /// as many SYNs as the deadline takes, and, where the kernel has it (Linux 6.15),
    /// retransmissions close enough together.
    ///
    /// A user timeout takes the place of the counts of probes and of retransmissions
    /// (net/ipv4/tcp_timer.c). Without one, fifteen retransmissions in a row end a connection, and
    /// at 40 % loss each way a live one has them lost every few hundred times that it has to
    /// retransmit at all. This is the one to begin with: it has to move with the connection
    /// ([`user_timeout`](Self::user_timeout)), which the `Watch` of the crate deadpeer does.
    ///
    /// Not quite a fifth of the deadline is silence, the rest probing: one packet per idle period
    /// while the peer answers, a burst when it doesn't.
    #[must_use]
    pub fn options(&self, kernel: &Kernel) -> SocketOptions {
        let idle = self.idle_s(clock_rates(kernel));
        let interval = self.interval_s();
        let in_range = |s: u64| {
            u32::try_from(s)
                .unwrap_or(u32::MAX)
                .min(u32::from(MAX_KEEPALIVE_S))
        };
        let rto_max_ms = self.rto_max_ms(kernel);
        SocketOptions {
            keepalive: Some(true),
            keepidle_s: Some(in_range(idle)),
            keepintvl_s: Some(in_range(interval)),
            keepcnt: Some(u32::from(MAX_KEEPCNT)),
            user_timeout_ms: Some(self.user_timeout_beside(kernel, rto_max_ms).at_first_ms()),
            rto_max_ms,
            syncnt: Some(self.syncnt(kernel, rto_max_ms)),
        }
    }

    /// The longest silence before the first probe after which an outage of four fifths of the
    /// deadline can begin, and a probe still find the path mended before the verdict.
    fn idle_s(&self, clock_rates: &[u32]) -> u64 {
        let fires_within = |wait_s: u64| {
            let lateness = |hz: &u32| {
                let jiffies = i64::try_from(wait_s)
                    .unwrap_or(i64::MAX)
                    .saturating_mul((*hz).into());
                Duration::from_secs_f64(granularity(jiffies) as f64 / f64::from(*hz))
            };
            let latest = clock_rates.iter().map(lateness).max();
            Duration::from_secs(wait_s) + latest.unwrap_or_default()
        };
        let interval = fires_within(self.interval_s());
        let outage = self.deadline() * OUTAGE.0 / OUTAGE.1;
        let probes = outage.as_secs_f64() / interval.as_secs_f64();
        let probing = interval.mul_f64(probes.ceil());
        let patience = self.patience().saturating_sub(ROUND_TRIP);
        let longest = (self.deadline().as_secs() / 5).min(MAX_KEEPALIVE_S.into());
        (1..=longest)
            .rev()
            .find(|idle| fires_within(*idle) + probing <= patience)
            .unwrap_or(1)
    }

    /// Seconds between probes: no more than the kernel counts in the deadline.
    fn interval_s(&self) -> u64 {
        (self.deadline().as_secs() + 1).div_ceil(u64::from(MAX_KEEPCNT))
    }

    /// The longest RTO under which a connection is asked often enough in the deadline, and once
    /// between the end of an outage of four fifths of it and the verdict; longer, if the kernel
    /// would give up before the deadline.
    ///
    /// Behind a closed window it does so after `tcp_retries2` unanswered probes, whatever the user
    /// timeout (net/ipv4/tcp_timer.c, `tcp_probe_timer`): the further apart they are, the more
    /// seldom that ends a live connection on a lossy path.
    fn rto_max_ms(&self, kernel: &Kernel) -> Option<u32> {
        let often = self.patience() / SUDDENLY_LOSSY;
        let outage = self.deadline() * OUTAGE.0 / OUTAGE.1;
        let after_an_outage = (self.deadline() - outage).saturating_sub(LOOK * 2);
        let room = often.min(after_an_outage).mul_f64(PUNCTUAL);
        let least = u32::try_from(room.as_millis())
            .unwrap_or(u32::MAX)
            .clamp(MIN_RTO_MAX_MS, MAX_RTO_MAX_MS);
        (least..=MAX_RTO_MAX_MS)
            .step_by(10)
            .find(|ms| kernel.rto_max_option && retries2_ends(kernel, *ms) >= self.deadline())
    }

    /// The chance, at most, that a live connection is called unreachable when its path comes to
    /// lose this share of all packets each way (0 to 1) from one moment on: before that is measured
    /// nobody can tell it from death. On a connection it depends on what was measured there:
    /// [`Judge::sudden_loss`](super::Judge::sudden_loss).
    ///
    /// It is the chance that as many questions in a row fail as convince the judge of a fresh
    /// connection, nine unless [`false_alarm_every`](Self::false_alarm_every) is set; or as few as
    /// there is time for in a deadline under ten seconds. Longer ones have room for more
    /// ([`options`](Self::options)). At 40 of 100 packets that is one in 55, or one in 6 where the
    /// deadline is 5 s.
    #[must_use]
    pub fn sudden_loss(&self, each_way: f64) -> f64 {
        self.sudden_loss_after(&Loss::default(), each_way)
    }

    /// The same, where so much has been measured.
    pub(super) fn sudden_loss_after(&self, measured: &Loss, each_way: f64) -> f64 {
        let failing = 1.0 - (1.0 - each_way.clamp(0.0, 1.0)).powi(2);
        let convincing = Loss::default().convincing_streak(self.questions());
        let needed = measured.convincing_streak(self.questions());
        if needed > convincing && self.preference == Preference::Certainty {
            return failing.powi(needed.cast_signed());
        }
        // A path known to be clean takes fewer, and there is time for as many all the same.
        let before_probing = Duration::from_secs(self.idle_s.into());
        let probing = self.patience().saturating_sub(before_probing);
        let fit = 1 + (probing.as_secs_f64() / self.spacing().as_secs_f64()) as u32;
        failing.powi(convincing.min(fit).cast_signed())
    }

    /// The user timeout that supervised connections have in a network namespace.
    #[must_use]
    pub fn user_timeout(&self, kernel: &Kernel) -> UserTimeout {
        self.user_timeout_beside(kernel, self.rto_max_ms(kernel))
    }

    fn user_timeout_beside(&self, kernel: &Kernel, rto_max_ms: Option<u32>) -> UserTimeout {
        let rto_max_ms = rto_max_ms.or(kernel.sysctls.rto_max_ms);
        let ends = retries2_ends(kernel, rto_max_ms.unwrap_or(MAX_RTO_MAX_MS));
        UserTimeout::new(self.deadline(), ends, kernel.sysctls.orphan_retries)
    }

    /// The least number of SYNs with which connect() is not given up before the deadline.
    fn syncnt(&self, kernel: &Kernel, rto_max_ms: Option<u32>) -> u32 {
        let user_timeout = self.user_timeout_beside(kernel, rto_max_ms);
        let gives_up = |syncnt: &u32| {
            let options = SocketOptions {
                syncnt: Some(*syncnt),
                user_timeout_ms: Some(user_timeout.at_first_ms()),
                rto_max_ms,
                ..SocketOptions::default()
            };
            let options = options.resolve(&kernel.sysctls);
            let forecast = Forecast::of(&options, &Snapshot::new(TcpState::SynSent), kernel);
            match forecast.connecting.worst {
                Notice::Within(span) => span.earliest >= self.deadline(),
                Notice::Never => true,
            }
        };
        let most = u32::from(MAX_SYNCNT);
        (1..most).find(gives_up).unwrap_or(most)
    }

    /// Whether settings are those of a supervised connection, of whatever deadline: probes as often
    /// as some deadline takes them, as many as the kernel counts, and a user timeout that never
    /// bites. The kernel then asks, and the program decides; what the kernel alone would do is no
    /// promise of this connection.
    #[must_use]
    pub fn recognizes(options: &Effective, kernel: &Kernel) -> bool {
        let counts_all = options.keepalive && options.keepcnt == u32::from(MAX_KEEPCNT);
        let orphan_retries = kernel.sysctls.orphan_retries;
        let can_be_ours = |ms| user_timeout::can_be_ours(ms, orphan_retries);
        if !counts_all || !options.user_timeout_ms.is_none_or(can_be_ours) {
            return false;
        }
        // The deadlines, in seconds, that are probed so often.
        let most = u64::from(options.keepintvl_s.max(1)) * u64::from(MAX_KEEPCNT) - 1;
        let fewest = most.saturating_sub(u64::from(MAX_KEEPCNT) - 1);
        let rates = clock_rates(kernel);
        (fewest..=most).any(|seconds| {
            let supervision = Self {
                within: Duration::from_secs(seconds).into(),
                ..Self::within(Duration::ZERO)
            };
            supervision.interval_s() == u64::from(options.keepintvl_s)
                && supervision.idle_s(rates) == u64::from(options.keepidle_s)
        })
    }

    /// The silence that the kernel, with the settings in force, ends before the judge can: a user
    /// timeout that the application set itself, say, or too small a count. `None`: the judge
    /// decides. One of 96 s and more is taken for the one that
    /// [moves](Self::user_timeout).
    #[must_use]
    pub fn overruled(
        &self,
        options: &Effective,
        snapshot: &Snapshot,
        kernel: &Kernel,
    ) -> Option<(Silence, Span)> {
        let mut options = *options;
        let user_timeout = self.user_timeout(kernel);
        options.user_timeout_ms = user_timeout.as_it_moves_ms(options.user_timeout_ms);
        let forecast = Forecast::of(&options, snapshot, kernel);
        [Silence::Idle, Silence::InFlight, Silence::ZeroWindow]
            .into_iter()
            .filter_map(|silence| match forecast.outlook(silence).worst {
                Notice::Within(span) if span.earliest < self.deadline() => Some((silence, span)),
                Notice::Within(_) | Notice::Never => None,
            })
            .min_by_key(|(_, span)| span.earliest)
    }

    /// How soon Linux itself may end a live peer that does not read, counted from the moment its
    /// window closed; `None`: never.
    ///
    /// No option keeps it from that where `tcp_retries2` is 0 or 1: window probes are counted
    /// against that whatever the user timeout, and Linux answers no two within half a second
    /// (net/ipv4/tcp_timer.c, `tcp_probe_timer`).
    #[must_use]
    pub fn slow_reader_ended(&self, kernel: &Kernel) -> Option<Duration> {
        let mut options = self.options(kernel).resolve(&kernel.sysctls);
        // It has none while its window is closed.
        options.user_timeout_ms = None;
        let forecast = Forecast::of(&options, &Snapshot::new(TcpState::Established), kernel);
        match forecast.slow_reader {
            Notice::Within(span) => Some(span.earliest),
            Notice::Never => None,
        }
    }

    /// How long after it was last heard an idle peer that vanished is called unreachable at the
    /// latest, at this loss, if `before_probing` is the silence before the first probe
    /// (`TCP_KEEPIDLE`). Longer than the deadline where there is no time in that for as many
    /// questions as convince.
    pub(super) fn notices_idle_within(&self, before_probing: Duration, loss: &Loss) -> Duration {
        match self.preference {
            Preference::Certainty => {
                let needed = loss.convincing_streak(self.questions());
                self.deadline()
                    .max(before_probing + self.spacing() * needed)
            }
            Preference::Deadline => self.deadline(),
        }
    }

    /// How long the silence must be.
    pub(super) fn patience(&self) -> Duration {
        self.deadline() - self.reserve()
    }

    /// A question after so much silence finds the path mended, if the longest outage that is to be
    /// survived began when the first probe was due.
    pub(super) fn longest_outage(&self) -> Duration {
        let idle = Duration::from_secs(self.idle_s.into());
        let over = idle + self.deadline() * OUTAGE.0 / OUTAGE.1;
        over.saturating_sub(PROMPT).min(self.patience())
    }

    /// How much silence such a question is waited for.
    pub(super) fn longest_patience(&self) -> Duration {
        self.deadline() - self.reserve() / 2
    }

    fn reserve(&self) -> Duration {
        LOOK.min(self.deadline() / 20)
    }

    /// How far apart questions are: one of them is waited for so long.
    pub(super) fn spacing(&self) -> Duration {
        Duration::from_secs(self.interval_s())
    }

    /// How many answered probes there is time for, beside some in vain: after an answer the next
    /// one waits longer.
    pub(super) fn answers_within(&self, time: Duration, in_vain: f64) -> f64 {
        let for_answers = time.as_secs_f64() - self.spacing().as_secs_f64() * in_vain;
        (for_answers / f64::from(self.idle_s)).max(1.0)
    }

    /// How many questions are asked in the time that one false alarm is allowed in, at one a
    /// second: no connection asks more often for long.
    #[must_use]
    pub fn questions(&self) -> f64 {
        self.false_alarm_every.get().as_secs_f64().max(1.0)
    }

    pub(super) fn preference(&self) -> Preference {
        self.preference
    }
}

/// The rates at which the kernel's clock may tick.
fn clock_rates(kernel: &Kernel) -> &[u32] {
    let hz = kernel.hz.as_ref();
    hz.map_or(&CLOCK_RATES[..], std::slice::from_ref)
}

/// How long `tcp_retries2` lets a connection retransmit in vain at most.
fn retries2_ends(kernel: &Kernel, rto_max_ms: u32) -> Duration {
    let ms = model_timeout_ms(kernel.sysctls.retries2, rto_max_ms, RTO_MIN_MS);
    Duration::from_millis(u64::from(ms))
}
