//! Heartbeats on the wire: the frames of the protocol that `docs/heartbeat.md` specifies.
//!
//! Four bytes of header, a kind and a length, then the payload. Each end says [`Hello`] first; from
//! then on bytes of the application travel in data frames, with pings and pongs between them.
//! [`Frame::encode`] writes frames, a [`Decoder`] reads them from whatever pieces arrive and keeps
//! at most [`MAX_CONTROL`] bytes of its own.
//!
//! ```
//! use deadpeer_core::heartbeat::Hello;
//! use deadpeer_core::heartbeat::frame::{Beat, Decoder, Frame};
//! use std::time::Duration;
//!
//! let hello = Hello { every: Some(Duration::from_secs(2)), floor: Duration::from_secs(1) };
//! let beat = Beat { sequence: 1, echo: 0 };
//! let mut wire = Vec::new();
//! Frame::Hello(hello).encode(&mut wire);
//! Frame::Ping(beat).encode(&mut wire);
//!
//! let mut decoder = Decoder::default();
//! let mut input = wire.as_slice();
//! assert_eq!(decoder.next(&mut input)?, Some(Frame::Hello(hello)));
//! assert_eq!(decoder.next(&mut input)?, Some(Frame::Ping(beat)));
//! assert_eq!(decoder.next(&mut input)?, None);
//! # Ok::<(), deadpeer_core::heartbeat::frame::FrameError>(())
//! ```

mod beat;
mod bye;
mod decode;
mod encode;
mod error;
mod hello;

pub use beat::Beat;
pub use bye::{Bye, MAX_TEXT, Reason};
pub use decode::Decoder;
pub use error::FrameError;

use super::{Hello, Received, Transmit};

/// The version that this code speaks.
pub const VERSION: u8 = 1;
/// What every hello begins with.
pub const MAGIC: [u8; 4] = *b"dphb";
/// A kind in one byte, then the length of the payload in three, most significant first.
pub const HEADER: usize = 4;
/// The most payload of a data frame. Small enough that a ping never waits long behind one.
pub const MAX_DATA: usize = 16_384;
/// The most payload of every other frame.
pub const MAX_CONTROL: usize = 128;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The first frame of each end; another one changes what it says.
    Hello = 1,
    /// A question that the peer's application must answer.
    Ping = 2,
    /// The answer to one ping.
    Pong = 3,
    /// The pings of its receiver come too often.
    TooOften = 4,
    /// Bytes of the application.
    Data = 5,
    /// The end of the sender's data. Pings and pongs go on.
    End = 6,
    /// The last frame, with a reason.
    Bye = 7,
}

impl Kind {
    /// The kind that a byte stands for; `None`: none of this version.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        [
            Self::Hello,
            Self::Ping,
            Self::Pong,
            Self::TooOften,
            Self::Data,
            Self::End,
            Self::Bye,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }

    /// The word of messages and of the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::TooOften => "too-often",
            Self::Data => "data",
            Self::End => "end",
            Self::Bye => "bye",
        }
    }

    /// The least and the most payload.
    #[must_use]
    pub fn bounds(self) -> (usize, usize) {
        match self {
            // Longer than it need be: a later version may have more to say.
            Self::Hello => (hello::LEN, MAX_CONTROL),
            Self::Ping | Self::Pong => (Beat::LEN, Beat::LEN),
            Self::Data => (1, MAX_DATA),
            Self::TooOften | Self::End => (0, 0),
            Self::Bye => (1, 1 + MAX_TEXT),
        }
    }
}

/// One frame, or a part of a data frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// What its sender promises and bears.
    Hello(Hello),
    /// A question that the peer's application must answer.
    Ping(Beat),
    /// The answer to one ping: its payload, copied.
    Pong(Beat),
    /// The pings of its receiver come too often.
    TooOften,
    /// Bytes of the application: from a [`Decoder`], as many of a frame's as have arrived.
    Data(&'a [u8]),
    /// The end of the sender's data.
    End,
    /// The last frame, with a reason.
    Bye(Bye),
}

impl Frame<'_> {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Ping(_) => Kind::Ping,
            Self::Pong(_) => Kind::Pong,
            Self::TooOften => Kind::TooOften,
            Self::Data(_) => Kind::Data,
            Self::End => Kind::End,
            Self::Bye(_) => Kind::Bye,
        }
    }

    /// What the machine is told of it.
    #[must_use]
    pub fn received(&self) -> Received {
        match *self {
            Self::Hello(hello) => Received::Hello(hello),
            Self::Ping(Beat { sequence, echo }) => Received::Ping {
                sequence,
                echo: Some(echo),
            },
            Self::Pong(Beat { sequence, echo }) => Received::Pong {
                sequence,
                echo: Some(echo),
            },
            Self::TooOften => Received::TooOften,
            Self::Data(_) | Self::End | Self::Bye(_) => Received::Data,
        }
    }
}

/// The frame for what the machine wants to be sent.
impl From<Transmit> for Frame<'_> {
    fn from(transmit: Transmit) -> Self {
        match transmit {
            Transmit::Hello(hello) => Self::Hello(hello),
            Transmit::Ping { sequence, echo } => Self::Ping(Beat { sequence, echo }),
            Transmit::Pong { sequence, echo } => Self::Pong(Beat {
                sequence,
                echo: echo.unwrap_or(0),
            }),
            Transmit::TooOften => Self::TooOften,
        }
    }
}
