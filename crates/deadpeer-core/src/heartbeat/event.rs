//! What the machine tells: transitions, the present standing, when to wake it, and why a peer is
//! refused.

use std::fmt;
use std::time::Duration;

use super::message::Hello;

/// Something changed. Taken with [`Heartbeat::poll_event`](super::Heartbeat::poll_event).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Both ends have said what they promise and bear.
    Negotiated {
        /// How often this end asks; `None`: it only answers.
        every: Option<Duration>,
        /// The silence after which the peer is called silent; `None`: nobody asks, so silence means
        /// nothing.
        deadline: Option<Duration>,
    },
    /// The peer has been silent for the deadline, although it was asked or had promised to speak.
    /// Whoever acts on it closes the connection; whoever doesn't will hear of
    /// [`Recovered`](Self::Recovered) if it was a mistake.
    Silent {
        /// How long ago it was heard last, less the time in which we did not run.
        since: Duration,
        /// Pings without an answer.
        unanswered: u32,
    },
    /// A peer that was called silent was heard again.
    Recovered {
        /// How long it had been called silent: the duration of a mistake.
        mistaken: Duration,
    },
    /// Our own bytes have made no progress for the deadline: the transport takes none. That is not
    /// the peer's silence: no question could reach it.
    Stuck {
        /// How long ago the transport took something last.
        since: Duration,
    },
    /// The transport takes bytes again.
    Unstuck,
    /// We ran late, by more than timers usually do: a busy loop, a stopped process, a suspended
    /// machine. The deadline was widened.
    Late {
        /// By how much.
        by: Duration,
    },
    /// The peer found our pings too many: they are fewer now.
    BackedOff {
        /// The new interval.
        every: Duration,
    },
}

/// What is known at a moment. Taken with [`Heartbeat::standing`](super::Heartbeat::standing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// Heard, and nothing asked since.
    Alive {
        /// How long ago.
        age: Duration,
    },
    /// Asked, or waited for, and not yet late.
    Waiting {
        /// How long ago it was heard last.
        age: Duration,
        /// Pings without an answer.
        unanswered: u32,
    },
    /// Silent for the deadline.
    Silent {
        /// How long ago it was heard last.
        age: Duration,
        /// Pings without an answer.
        unanswered: u32,
    },
    /// Our own queue makes no progress.
    Stuck {
        /// For how long.
        since: Duration,
        /// How long ago the peer was heard last.
        age: Duration,
    },
}

/// When the machine wants to be woken, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wake {
    /// The time, on the clock of `now`.
    pub at: Duration,
    /// What is due then.
    pub why: Why,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// A ping.
    Ask,
    /// The deadline of the peer's silence.
    Convict,
    /// The deadline of our own queue.
    Stuck,
}

/// What a peer did that no peer may do. The connection should be closed with this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// A pong for a ping that was never sent, or was answered before.
    UnaskedPong {
        /// Its number.
        sequence: u64,
    },
    /// A pong with the right number that carries something else than its ping.
    WrongEcho {
        /// Its number.
        sequence: u64,
    },
    /// Pings far more often than was agreed, and no heed to our complaints.
    TooManyPings {
        /// The shortest interval that this end bears.
        floor: Duration,
    },
    /// The peer wants so slow a pace that no deadline would be left.
    TooSlow(Hello),
}

impl std::error::Error for Violation {}

impl From<Violation> for std::io::Error {
    /// [`InvalidData`](std::io::ErrorKind::InvalidData), with the error inside.
    fn from(error: Violation) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnaskedPong { sequence } => {
                write!(f, "a pong that was never asked for, number {sequence}")
            }
            Self::WrongEcho { sequence } => {
                write!(f, "pong {sequence} does not carry what its ping did")
            }
            Self::TooManyPings { floor } => {
                write!(f, "too many pings: at most one in {floor:?} was agreed")
            }
            Self::TooSlow(hello) => write!(
                f,
                "the peer's pace ({hello:?}) is too slow for any deadline of ours"
            ),
        }
    }
}
