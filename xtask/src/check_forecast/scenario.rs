//! What happens to one connection: random settings and a random silence, all from one seed.

use std::time::Duration;

use deadpeer_core::forecast::{RTO_MIN_MS, model_timeout_ms};
use deadpeer_core::{
    Effective, Forecast, Kernel, Notice, Snapshot, SocketOptions, Sysctls, TcpState,
};

use super::dice::Dice;
use super::kind::Kind;
use super::paths::Place;
use super::script::{self, Script};

/// One connection's settings and fate.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) kind: Kind,
    pub(super) options: SocketOptions,
    /// `TCP_THIN_LINEAR_TIMEOUTS`.
    pub(super) thin: bool,
    pub(super) place: Place,
    pub(super) ipv6: bool,
    /// Whether the accepted end is watched, not the connecting one.
    pub(super) accepted: bool,
    pub(super) timestamps: bool,
    pub(super) sack: bool,
    pub(super) script: Script,
}

impl Scenario {
    /// Draws until it is over `longest` after its last deed.
    pub(super) fn draw(dice: &mut Dice, kernel: &Kernel, longest: Duration) -> Self {
        loop {
            let kind = Kind::draw(dice);
            let mut scenario = Self::draw_any(dice, kind, &kernel.sysctls);
            let has_user_timeout = scenario.options.user_timeout_ms.is_some();
            let retries2 = kernel.sysctls.retries2;
            if !kind.is_reached_with(retries2, has_user_timeout)
                || !scenario.lasts_at_most(longest, kernel)
            {
                continue;
            }
            scenario.script = script::draw(dice, kind, &scenario.options, &kernel.sysctls);
            if scenario.speaks_before_the_verdict(kernel) {
                return scenario;
            }
        }
    }

    fn draw_any(dice: &mut Dice, kind: Kind, sysctls: &Sysctls) -> Self {
        let mut options = SocketOptions {
            user_timeout_ms: dice
                .bool()
                .then(|| dice.u32(kind.shortest_user_timeout_ms()..30_000)),
            rto_max_ms: dice.one_in(4).then(|| dice.u32(1_000..10_000)),
            ..SocketOptions::default()
        };
        if kind.connects() {
            options.syncnt = Some(dice.u32(1..5));
        } else {
            options.keepalive = Some(true);
            options.keepidle_s = Some(dice.u32(1..31));
            options.keepintvl_s = Some(dice.u32(1..13));
            options.keepcnt = Some(dice.u32(1..7));
        }
        if kind.is_orphan() && (kind.is_outage() || dice.bool()) {
            options = dice.plan();
        }
        if kind == Kind::ArmedBySysctl {
            options.keepidle_s = None;
        }
        if kind.is_amid_probes() {
            options.user_timeout_ms = None;
            options.keepidle_s = Some(dice.u32(2..6));
            options.keepintvl_s = Some(dice.u32(2..10));
            options.keepcnt = Some(dice.u32(3..7));
        }
        if kind == Kind::Paced {
            // What pacing puts off beyond the largest RTO is what makes the clock start late.
            options.rto_max_ms = Some(dice.u32(1_000..2_000));
            options.user_timeout_ms = Some(dice.u32(10_000..20_000));
        }
        if kind == Kind::Request {
            options.syncnt = dice.bool().then(|| dice.u32(1..sysctls.synack_retries + 1));
        }
        Self {
            kind,
            options,
            thin: kind.is_within_a_run() && dice.one_in(4),
            place: kind.place(dice),
            ipv6: dice.bool(),
            accepted: dice.bool(),
            timestamps: !dice.one_in(3),
            sack: !dice.one_in(8),
            script: Script::default(),
        }
    }

    fn lasts_at_most(&self, longest: Duration, kernel: &Kernel) -> bool {
        if self.kind.is_orphan() {
            return orphan_lasts(&self.options, kernel) <= longest;
        }
        self.worst(kernel)
            .outlook(self.kind.silence())
            .worst
            .meets(longest)
    }

    /// The silence may have begun with the connection.
    fn speaks_before_the_verdict(&self, kernel: &Kernel) -> bool {
        let Some(written) = script::late_write(&self.script, self.kind) else {
            return true;
        };
        match self.worst(kernel).idle.worst {
            Notice::Within(span) => written < span.earliest,
            Notice::Never => true,
        }
    }

    fn worst(&self, kernel: &Kernel) -> Forecast {
        let options: Effective = self.options.resolve(&kernel.sysctls);
        let mut path = Snapshot::new(TcpState::Established);
        path.rto = Some(Duration::from_millis(if self.place == Place::Loopback {
            220
        } else {
            1_000
        }));
        Forecast::of(&options, &path, kernel)
    }
}

/// About how long the kernel keeps an orphan.
fn orphan_lasts(options: &SocketOptions, kernel: &Kernel) -> Duration {
    let rto_max = options.rto_max_ms.unwrap_or(120_000);
    let ms = match options.user_timeout_ms.filter(|ms| *ms > 0) {
        // The first timeout comes before the clock, and a tick or two after it.
        Some(ms) if kernel.cuts_waits => ms + 2_500,
        Some(ms) => ms.saturating_mul(2),
        None => {
            let retries = match kernel.sysctls.orphan_retries {
                // Once the RTO has reached the largest, 0 stands for 0.
                0 => (rto_max / RTO_MIN_MS).max(1).ilog2().min(8),
                n => n,
            };
            let limit = model_timeout_ms(retries, rto_max, RTO_MIN_MS);
            // The last wait may have begun just before the limit.
            limit.saturating_mul(2).min(limit + rto_max)
        }
    };
    Duration::from_millis(ms.into())
}
