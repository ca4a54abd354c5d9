//! What happens to one connection: random settings and a random silence, all from one seed.

use std::time::Duration;

use deadpeer_core::{
    Effective, Forecast, Kernel, Notice, Silence, Snapshot, SocketOptions, TcpState,
};

/// The seeded source of all choices.
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Settings of the namespace, the same for all connections of a run: small enough to wait for.
    pub(super) fn sysctls(&mut self) -> [(&'static str, u32); 1] {
        [("tcp_retries2", self.0.u32(3..=6))]
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.0.u64(range))
    }
}

/// What the connection is doing when its peer vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    /// Nothing.
    Idle,
    /// One write, right after.
    Write,
    /// One write, this long after.
    LateWrite(Duration),
    /// The peer's window closed right before.
    ClosedWindow,
    /// The peer's window has been closed for a while.
    LongClosedWindow,
    /// connect() to a host that is gone.
    Connect,
    /// shutdown() right after: our FIN stays unacknowledged.
    Fin,
    /// Our FIN was acknowledged before.
    AcknowledgedFin,
}

impl Act {
    /// The kind of silence that follows.
    pub(super) fn silence(self) -> Silence {
        match self {
            Self::Idle => Silence::Idle,
            Self::Write | Self::LateWrite(_) => Silence::InFlight,
            Self::ClosedWindow | Self::LongClosedWindow => Silence::ZeroWindow,
            Self::Connect => Silence::Connecting,
            Self::Fin | Self::AcknowledgedFin => Silence::AfterFin,
        }
    }

    /// How long after the peer vanished the application writes, if it does so late.
    fn late_write(self) -> Option<Duration> {
        if let Self::LateWrite(after) = self {
            Some(after)
        } else {
            None
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Write => "write",
            Self::LateWrite(_) => "late write",
            Self::ClosedWindow => "window just closed",
            Self::LongClosedWindow => "window long closed",
            Self::Connect => "connect",
            Self::Fin => "FIN in flight",
            Self::AcknowledgedFin => "FIN acknowledged",
        }
    }
}

/// One connection's settings and fate.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) act: Act,
    pub(super) options: SocketOptions,
    pub(super) ipv6: bool,
    /// Whether the accepted end is watched, not the connecting one.
    pub(super) accepted: bool,
    /// When a few bytes arrive from the peer, after the start.
    pub(super) arrivals: Vec<Duration>,
    /// When the peer vanishes, after the start.
    pub(super) vanish: Duration,
}

impl Scenario {
    /// Draws until the forecast is at most `longest`.
    pub(super) fn draw(dice: &mut Dice, kernel: &Kernel, longest: Duration) -> Self {
        loop {
            let scenario = Self::draw_any(dice);
            let worst = scenario.worst(kernel);
            let late = scenario.act.late_write();
            // The silence may have begun with the connection.
            let written = scenario.vanish + late.unwrap_or_default();
            let before_verdict = match worst.idle.worst {
                Notice::Within(span) => written < span.earliest,
                Notice::Never => true,
            };
            let before_verdict = late.is_none() || before_verdict;
            let deadline = longest.saturating_sub(late.unwrap_or_default());
            if before_verdict && worst.outlook(scenario.act.silence()).worst.meets(deadline) {
                return scenario;
            }
        }
    }

    fn draw_any(dice: &mut Dice) -> Self {
        let vanish = dice.millis(300..4_000);
        let rng = &mut dice.0;
        let act = match rng.u32(0..100) {
            0..30 => Act::Idle,
            30..50 => Act::Write,
            50..60 => Act::LateWrite(Duration::from_millis(rng.u64(100..20_000))),
            60..70 => Act::ClosedWindow,
            70..75 => Act::LongClosedWindow,
            75..85 => Act::Connect,
            85..93 => Act::Fin,
            _ => Act::AcknowledgedFin,
        };
        let mut options = SocketOptions::default();
        // A closed window's clock is shown nowhere once it runs: a user timeout then leaves an interval only.
        let user_timeout = act != Act::LongClosedWindow && rng.bool();
        options.user_timeout_ms = user_timeout.then(|| rng.u32(300..30_000));
        options.rto_max_ms = (rng.u32(0..4) == 0).then(|| rng.u32(1_000..10_000));
        options.syncnt = (act == Act::Connect).then(|| rng.u32(1..=4));
        if act != Act::Connect {
            options.keepalive = Some(true);
            // Now and then so short that the timer fires before the peer vanishes: what it was armed for last
            // is then unknown, and the forecast may be an interval.
            let shortest = if rng.u32(0..50) == 0 { 1 } else { 5 };
            options.keepidle_s = Some(rng.u32(shortest..=30));
            options.keepintvl_s = Some(rng.u32(1..=12));
            options.keepcnt = Some(rng.u32(1..=6));
        }
        let arrivals = (0..rng.u32(0..3))
            .map(|_| vanish.mul_f64(rng.f64() * 0.9))
            .collect();
        Self {
            act,
            options,
            ipv6: rng.bool(),
            accepted: rng.bool(),
            arrivals,
            vanish,
        }
    }

    fn worst(&self, kernel: &Kernel) -> Forecast {
        let options: Effective = self.options.resolve(&kernel.sysctls);
        let mut loopback = Snapshot::new(TcpState::Established);
        loopback.rto = Some(Duration::from_millis(220));
        Forecast::of(&options, &loopback, kernel)
    }
}
