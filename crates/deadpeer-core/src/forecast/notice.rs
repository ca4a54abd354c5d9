//! The answer of a forecast: noticed within some time, or never.

use std::fmt;
use std::time::Duration;

use crate::wheel::{Stretch, Wheel};

/// The kinds of silence. How long the kernel needs depends on what the connection was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Silence {
    /// Nothing in flight, and nothing written afterwards: keepalive decides.
    Idle,
    /// Data is unacknowledged: retransmission decides, keepalive plays no part.
    InFlight,
    /// Idle at first; the application writes just before keepalive's verdict, and retransmission
    /// starts afresh.
    LateWrite,
    /// The peer had closed its window, data waits: window probes decide.
    ZeroWindow,
    /// connect() gets no answer.
    Connecting,
    /// We sent our FIN and keep the descriptor: retransmission decides until it is acknowledged,
    /// then keepalive.
    AfterFin,
}

impl Silence {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::InFlight,
        Self::LateWrite,
        Self::ZeroWindow,
        Self::Connecting,
        Self::AfterFin,
    ];

    /// The name as the command line writes it (`late-write`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InFlight => "in-flight",
            Self::LateWrite => "late-write",
            Self::ZeroWindow => "zero-window",
            Self::Connecting => "connecting",
            Self::AfterFin => "after-fin",
        }
    }

    /// The kind in a sentence: "if the peer vanishes ...".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Idle => "while idle",
            Self::InFlight => "with data in flight",
            Self::LateWrite => "before a late write",
            Self::ZeroWindow => "behind a closed window",
            Self::Connecting => "while connecting",
            Self::AfterFin => "after our FIN",
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When the kernel gives a connection up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// Somewhere in this span after the moment asked about.
    Within(Span),
    /// Not at all: no timer runs that could end it.
    Never,
}

impl Notice {
    /// The latest moment, or `None` for never.
    #[must_use]
    pub fn latest(self) -> Option<Duration> {
        match self {
            Self::Within(span) => Some(span.latest),
            Self::Never => None,
        }
    }

    /// Whether the connection is given up within `deadline`, whatever the timers' phase.
    #[must_use]
    pub fn meets(self, deadline: Duration) -> bool {
        self.latest().is_some_and(|latest| latest <= deadline)
    }

    /// Either of two answers: the span that contains both, and never if one of them is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Within(a), Self::Within(b)) => Self::Within(Span {
                earliest: a.earliest.min(b.earliest),
                latest: a.latest.max(b.latest),
            }),
            (Self::Never, _) | (_, Self::Never) => Self::Never,
        }
    }
}

/// An interval of time after the moment asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Not before.
    pub earliest: Duration,
    /// Not after.
    pub latest: Duration,
}

impl Span {
    /// A stretch of jiffies as time: a jiffy's number says nothing about where in it the
    /// snapshot was taken, so a tick is added at both ends.
    pub(super) fn of(stretch: Stretch, wheel: Wheel) -> Self {
        Self {
            earliest: wheel.time(stretch.first.saturating_sub(1)),
            latest: wheel.time(stretch.last.saturating_add(1).max(0)),
        }
    }
}
