//! What goes over the wire, as far as the machine is concerned. How it is written is the adapter's
//! business.

use std::time::Duration;

/// What an end promises and what it bears. Each end says it first of all, and again when it
/// changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hello {
    /// "I speak at least this often", whatever it is I say. `None`: I only answer.
    pub every: Option<Duration>,
    /// "Don't ping me more often than this."
    pub floor: Duration,
}

/// Something that came from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Received {
    /// Bytes of the application's, or any others that mean nothing to the machine: part of a frame,
    /// an unsolicited pong of WebSocket (RFC 6455, section 5.5.3, allows those). They prove life
    /// like all bytes.
    Data,
    /// What the peer promises and bears.
    Hello(Hello),
    /// A question.
    Ping {
        /// Its number, which the answer repeats.
        sequence: u64,
        /// What the answer must carry back, if anything.
        echo: Option<u64>,
    },
    /// An answer: to the ping of this number and to all before it.
    Pong {
        /// The number of the ping.
        sequence: u64,
        /// What the ping carried; `None` if the format has no room for it.
        echo: Option<u64>,
    },
    /// The peer finds that our pings come too often.
    TooOften,
}

/// Something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transmit {
    /// What we promise and bear.
    Hello(Hello),
    /// A question. It must not wait behind data: put it before whatever is queued, after the frame
    /// that is being written.
    Ping {
        /// Its number: 1, 2, 3 ...
        sequence: u64,
        /// To be carried back by the answer; a format without room for it leaves it out.
        echo: u64,
    },
    /// An answer. It answers all earlier pings too, so a flood of them is answered once.
    Pong {
        /// The number of the ping.
        sequence: u64,
        /// What the ping carried.
        echo: Option<u64>,
    },
    /// The peer's pings come too often; after a few of these the connection is closed.
    TooOften,
}

/// Bytes of ours that the transport has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sent {
    /// Some bytes, of the application's or of any frame.
    Data,
    /// The last byte of the ping of this number.
    Ping {
        /// The number of the ping.
        sequence: u64,
    },
}

/// What to report when a frame has been written.
impl From<&Transmit> for Sent {
    fn from(frame: &Transmit) -> Self {
        match *frame {
            Transmit::Ping { sequence, .. } => Self::Ping { sequence },
            Transmit::Hello(_) | Transmit::Pong { .. } | Transmit::TooOften => Self::Data,
        }
    }
}
