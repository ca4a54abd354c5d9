//! What an end wants of its heartbeats.

use std::time::Duration;

/// Pings per deadline, unless set. More of them are no better on TCP: an answer that is held up
/// holds up all that follow, and each one more is one more that can be held up.
const ASKED_PER_DEADLINE: u32 = 3;
/// The deadline holds at least this many intervals, as in BFD (RFC 5880 calls it the multiplier; 3
/// is usual).
pub(super) const MULTIPLIER: u32 = 3;
/// The shortest interval of pings that an end bears, unless set.
const FLOOR: Duration = Duration::from_secs(1);
/// Complaints before a connection is closed for its pings, unless set: gRPC's two strikes.
const STRIKES: u8 = 2;
/// How far a slow peer may stretch the deadline, unless set.
const STRETCH: u32 = 4;
const SHORTEST: Duration = Duration::from_millis(1);

/// Settings of one end. Both ends may ask, either, or only one; whoever asks also speaks regularly,
/// so the other end notices its silence without asking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub(super) deadline: Duration,
    pub(super) longest: Duration,
    pub(super) every: Option<Duration>,
    pub(super) floor: Duration,
    pub(super) strikes: u8,
    pub(super) hello: bool,
    pub(super) seed: u64,
}

impl Settings {
    /// An end that asks: a peer that is silent for `deadline` is called silent.
    ///
    /// Pings go out after a third of the deadline in silence, so that the peer has two thirds to
    /// answer.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        let deadline = deadline.max(SHORTEST * MULTIPLIER);
        Self {
            deadline,
            longest: deadline.saturating_mul(STRETCH),
            every: Some(deadline / ASKED_PER_DEADLINE),
            floor: FLOOR.min(deadline / MULTIPLIER),
            strikes: STRIKES,
            hello: true,
            seed: 0,
        }
    }

    /// An end that only answers. It notices the silence of a peer that has promised to speak
    /// ([`Hello`](super::Hello)), and no other's.
    #[must_use]
    pub fn answering(deadline: Duration) -> Self {
        Self {
            every: None,
            ..Self::within(deadline)
        }
    }

    /// After how much silence a ping goes out, if this end asks: a third of the deadline unless
    /// set, and at most that.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        let interval = interval.clamp(SHORTEST, self.deadline / MULTIPLIER);
        let every = self.every.map(|_| interval);
        Self { every, ..self }
    }

    /// The shortest interval of pings that this end bears; one second, or a third of a deadline
    /// under three seconds.
    #[must_use]
    pub fn floor(self, floor: Duration) -> Self {
        Self { floor, ..self }
    }

    /// How many complaints go out before too many pings close the connection; two unless set.
    #[must_use]
    pub fn strikes(self, strikes: u8) -> Self {
        Self { strikes, ..self }
    }

    /// How far a slower peer may stretch the deadline; four times unless set. Who wants it slower
    /// still is refused.
    #[must_use]
    pub fn longest(self, longest: Duration) -> Self {
        let longest = longest.max(self.deadline);
        Self { longest, ..self }
    }

    /// For formats that have no place for a [`Hello`](super::Hello), such as WebSocket: none is
    /// sent, and what is set here holds.
    #[must_use]
    pub fn without_hello(self) -> Self {
        Self {
            hello: false,
            ..self
        }
    }

    /// The seed of the jitter: give every connection another, so that they don't fire together.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The deadline that was asked for.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}
