//! What a connection is doing at the moment of the fault.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The states of a connection that decide which of the kernel's timers runs when the peer vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Nothing is on its way and nobody writes.
    Idle,
    /// Idle, and we write once right after the fault.
    OneWrite,
    /// We write ten times a second.
    Sending,
    /// Our send queue is full because the peer has closed its window.
    ZeroWindow,
    /// The peer writes ten times a second, we only read.
    OnlyReading,
    /// We have shut down our sending half; the peer has not.
    HalfClosedByUs,
    /// The peer has shut down its sending half; we have not.
    HalfClosedByPeer,
    /// Our SYN has no answer yet.
    Connecting,
}

impl State {
    /// All states, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::OneWrite,
        Self::Sending,
        Self::ZeroWindow,
        Self::OnlyReading,
        Self::HalfClosedByUs,
        Self::HalfClosedByPeer,
        Self::Connecting,
    ];

    /// The name as scenario files and the command line write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::OneWrite => "one-write",
            Self::Sending => "sending",
            Self::ZeroWindow => "zero-window",
            Self::OnlyReading => "only-reading",
            Self::HalfClosedByUs => "half-closed-by-us",
            Self::HalfClosedByPeer => "half-closed-by-peer",
            Self::Connecting => "connecting",
        }
    }

    /// One sentence for a person, without a full stop.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Idle => "nothing is in flight and nobody writes",
            Self::OneWrite => "idle, and we write once right after the fault",
            Self::Sending => "we write ten times a second",
            Self::ZeroWindow => "our send queue is full, the peer's window is closed",
            Self::OnlyReading => "the peer writes ten times a second, we only read",
            Self::HalfClosedByUs => "we have shut down our sending half",
            Self::HalfClosedByPeer => "the peer has shut down its sending half",
            Self::Connecting => "our SYN has no answer yet",
        }
    }

    /// Whether we may still write.
    #[must_use]
    pub fn we_may_write(self) -> bool {
        self != Self::HalfClosedByUs
    }

    /// Whether the peer may still write.
    #[must_use]
    pub fn peer_may_write(self) -> bool {
        self != Self::HalfClosedByPeer
    }

    /// The port on which the lab's peer takes connections that are to be brought into this state.
    pub(crate) fn port(self) -> u16 {
        7000 + self as u16
    }

    /// The state that belongs to a port of the lab's peer.
    pub(crate) fn of_port(port: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.port() == port)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
