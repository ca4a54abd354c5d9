//! What a connection is doing at the moment of the fault.

use std::fmt;

use serde::{Deserialize, Serialize};

named! {
    /// The states of a connection that decide which of the kernel's timers runs when the peer
    /// vanishes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
    #[serde(rename_all = "kebab-case")]
    #[non_exhaustive]
    pub enum State {
        /// Nothing is on its way and nobody writes.
        Idle = "idle",
        /// Idle, and we write once right after the fault.
        OneWrite = "one-write",
        /// We write ten times a second.
        Sending = "sending",
        /// Our send queue is full because the peer has closed its window.
        ZeroWindow = "zero-window",
        /// The peer writes ten times a second, we only read.
        OnlyReading = "only-reading",
        /// We have shut down our sending half; the peer has not.
        HalfClosedByUs = "half-closed-by-us",
        /// The peer has shut down its sending half; we have not.
        HalfClosedByPeer = "half-closed-by-peer",
        /// Our SYN has no answer yet.
        Connecting = "connecting",
    }
}

impl State {
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
