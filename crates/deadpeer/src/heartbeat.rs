//! Is the peer's *application* still there? Heartbeats over a stream of bytes or of messages
//! (feature `heartbeat`).
//!
//! A kernel answers keepalive probes for a program that is frozen, and a proxy answers them for a
//! server that is gone. Only a message that the application itself must answer tells. Two ways to
//! have them:
//!
//! - [`HeartbeatStream`] wraps any `AsyncRead + AsyncWrite` and is one itself. Both ends must speak
//!   its frames: `docs/heartbeat.md` in the repository specifies them, for ends in other languages,
//!   too.
//! - [`HeartbeatMessages`] is for protocols that have pings of their own, such as WebSocket, or get
//!   them now: it wraps any `Stream + Sink` of messages, such as a `tokio_util::codec::Framed`, and
//!   a [`Dialect`] tells it which of them are pings.
//!
//! Both are [`Heartbeat`], the machine that decides, with a clock and a timer. It can also be
//! driven by hand, from any event loop; for a hundred thousand connections there is a [`Crowd`] of
//! them in 25 bytes each, and [`Alarms`] for timers of one's own that move at every message.
//!
//! ```
//! # use std::time::Duration;
//! use deadpeer::heartbeat::{HeartbeatStream, Settings};
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let (ours, theirs) = tokio::io::duplex(1_024);
//! let settings = Settings::within(Duration::from_secs(30));
//! let mut client = HeartbeatStream::new(ours, settings);
//! let mut server = HeartbeatStream::new(theirs, settings);
//!
//! client.write_all(b"hello").await?;
//! let mut hello = [0; 5];
//! server.read_exact(&mut hello).await?;
//! # assert_eq!(&hello, b"hello");
//! # Ok::<(), std::io::Error>(())
//! # })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod dialect;
mod driver;
mod error;
mod messages;
mod pulse;
mod stream;
mod wakers;

pub use deadpeer_core::alarms::Alarms;
pub use deadpeer_core::heartbeat::frame;
pub use deadpeer_core::heartbeat::{
    Crowd, Event, Heartbeat, Hello, Member, Owner, Received, Sent, Settings, Standing, Transmit,
    Violation, Wake, Why,
};

pub use dialect::{Dialect, Meaning};
pub use error::HeartbeatError;
pub use messages::HeartbeatMessages;
pub use stream::HeartbeatStream;
