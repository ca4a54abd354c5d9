//! Paths: how beats are lost, delayed and held up. And recorded ones.

use std::time::Duration;

/// A beat that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beat {
    pub(crate) number: u64,
    pub(crate) sent: Duration,
    /// `None`: lost.
    pub(crate) arrived: Option<Duration>,
}

/// Which packets are lost.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// Every packet with this chance (Bernoulli).
    Random(f64),
    /// A good and a bad state that change with these chances at each packet; in the bad one all is
    /// lost (Gilbert, Elliott).
    Bursts { begin: f64, end: f64 },
}

/// What is added to the least delay.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Jitter {
    /// Anything up to this, evenly.
    Uniform(Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// A heavy tail: at least this, and more than x times as much with chance x^-shape.
    Pareto(Duration, f64),
}

/// How packets travel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    /// Each on its own.
    Datagrams,
    /// As TCP does it: what is lost is sent again after a tail-loss probe and timeouts that double
    /// up to this one, and later beats wait behind it.
    Stream { longest_timeout: Duration },
}

/// A sender and a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    pub(crate) interval: Duration,
    pub(crate) delay: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) loss: Loss,
    pub(crate) transport: Transport,
    /// The sender stops now and then: mean time between, and the least length of a heavy-tailed
    /// pause.
    pub(crate) pauses: Option<(Duration, Duration)>,
}

impl Path {
    /// What becomes of so many beats.
    pub(crate) fn beats(&self, count: u64, seed: u64) -> Vec<Beat> {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut link = Link::new(*self);
        let mut late = Duration::ZERO;
        (1..=count)
            .map(|number| {
                late = late.saturating_sub(self.interval) + self.pause(&mut dice);
                // A paused sender sends what is overdue at once and then keeps its old schedule.
                let sent = self.interval * number as u32 + late;
                let arrived = link.carry(sent, &mut dice);
                Beat {
                    number,
                    sent,
                    arrived,
                }
            })
            .collect()
    }

    fn pause(&self, dice: &mut fastrand::Rng) -> Duration {
        match self.pauses {
            Some((between, least))
                if dice.f64() * between.as_secs_f64() < self.interval.as_secs_f64() =>
            {
                Jitter::Pareto(least, 1.5).draw(dice).min(least * 100)
            }
            Some(_) | None => Duration::ZERO,
        }
    }
}

impl Jitter {
    pub(crate) fn draw(self, dice: &mut fastrand::Rng) -> Duration {
        // Never 0, whose logarithm is none.
        let chance = 1.0 - dice.f64();
        match self {
            Self::Uniform(most) => most.mul_f64(chance),
            Self::Exponential(mean) => mean.mul_f64(-chance.ln()),
            Self::Pareto(least, shape) => least.mul_f64(chance.powf(-1.0 / shape)),
        }
    }

    /// Its mean, and its mean distance from it: what TCP's timers go by (RFC 6298).
    fn mean_and_deviation(self) -> (Duration, Duration) {
        match self {
            Self::Uniform(most) => (most / 2, most / 4),
            Self::Exponential(mean) => (mean, mean.mul_f64(2.0 / std::f64::consts::E)),
            Self::Pareto(least, shape) => {
                let mean = least.mul_f64(shape / (shape - 1.0));
                (mean, mean - least)
            }
        }
    }
}

/// One direction of a path at work.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    path: Path,
    is_bad: bool,
    /// When the last of a stream's packets arrived.
    before: Duration,
}

impl Link {
    pub(crate) fn new(path: Path) -> Self {
        Self {
            path,
            is_bad: false,
            before: Duration::ZERO,
        }
    }

    /// When a packet arrives that is sent now; packets are sent in order.
    pub(crate) fn carry(&mut self, now: Duration, dice: &mut fastrand::Rng) -> Option<Duration> {
        let held_up = match self.path.transport {
            Transport::Datagrams => (!self.is_lost(dice)).then_some(Duration::ZERO)?,
            Transport::Stream { longest_timeout } => self.resend(longest_timeout, dice),
        };
        let arrived = now + held_up + self.path.delay + self.path.jitter.draw(dice);
        if matches!(self.path.transport, Transport::Datagrams) {
            return Some(arrived);
        }
        self.before = self.before.max(arrived);
        Some(self.before)
    }

    /// How long after the first transmission the one that arrives is made: after two round trips a
    /// tail-loss probe, then retransmission timeouts, each twice the one before (RFC 8985, section
    /// 7.2; RFC 6298, section 5.5).
    fn resend(&mut self, longest_timeout: Duration, dice: &mut fastrand::Rng) -> Duration {
        let (mean, deviation) = self.path.jitter.mean_and_deviation();
        let round_trip = (self.path.delay + mean) * 2;
        let timeout = round_trip + (deviation * 8).max(Duration::from_millis(200));
        let mut next = (round_trip * 2).min(longest_timeout);
        let mut timeout = timeout.min(longest_timeout);
        let mut waited = Duration::ZERO;
        while self.is_lost(dice) {
            waited += next;
            next = timeout;
            timeout = (timeout * 2).min(longest_timeout);
        }
        waited
    }

    fn is_lost(&mut self, dice: &mut fastrand::Rng) -> bool {
        match self.path.loss {
            Loss::Random(chance) => dice.f64() < chance,
            Loss::Bursts { begin, end } => {
                let change = if self.is_bad { end } else { begin };
                self.is_bad ^= dice.f64() < change;
                self.is_bad
            }
        }
    }
}

/// Beats that were recorded: lines of number, sent and arrived in microseconds; comments begin
/// with #.
pub(crate) fn recorded(trace: &str) -> Vec<Beat> {
    let micros = |field: Option<&str>| {
        let number = field.and_then(|field| field.parse().ok());
        Duration::from_micros(number.expect("a whole number of microseconds"))
    };
    trace
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|line| {
            let mut fields = line.split(',');
            let number = fields.next().and_then(|field| field.parse().ok());
            Beat {
                number: number.expect("a beat's number"),
                sent: micros(fields.next()),
                arrived: Some(micros(fields.next())),
            }
        })
        .collect()
}
