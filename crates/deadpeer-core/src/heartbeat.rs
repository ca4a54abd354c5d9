//! Is the peer's *application* still there? The machine behind heartbeats, without a byte of a
//! format.
//!
//! A kernel answers keepalive probes for a program that is frozen, and a proxy answers them for a
//! server that is gone. Only a message that the application itself must answer tells. [`Heartbeat`]
//! decides when to ask, what an answer proves, and when silence has lasted long enough. It reads no
//! clock and writes no byte: whoever owns the connection tells it what happened and does what it
//! asks for.
//!
//! ```
//! use std::time::Duration;
//! use deadpeer_core::heartbeat::{Event, Heartbeat, Received, Sent, Settings, Transmit};
//!
//! let at = Duration::from_secs;
//! let mut heartbeat = Heartbeat::new(Settings::within(at(30)), at(0));
//! let mut now = at(0);
//! loop {
//!     // Frames first: write each, and say so when the transport has taken it.
//!     while let Some(frame) = heartbeat.poll_transmit(now) {
//!         heartbeat.handle_sent(now, Sent::from(&frame));
//!     }
//!     if let Some(Event::Silent { since, .. }) = heartbeat.poll_event() {
//!         assert_eq!(since, at(30)); // This peer never says a word.
//!         break;
//!     }
//!     // Then wait: for bytes (`handle_received`), or until the machine wants to be woken.
//!     now = heartbeat.poll_timeout().expect("a live machine").at;
//!     heartbeat.handle_timeout(now);
//! }
//! ```
//!
//! Rules that the machine keeps:
//! - Only *received* bytes prove life, any bytes. What we write proves nothing.
//! - A ping is sent after an interval in which nothing was heard, or nothing said: while data flows
//!   both ways, none.
//! - One ping serves both ends: it proves life to whom it reaches, its pong to whom asked. Where
//!   both ask, the one whose jitter is shorter asks for both, and the other perhaps never while it
//!   is heard; so it may know no round trip.
//! - The slower side sets the pace, and a multiple of it the deadline, as in BFD (RFC 5880, section
//!   6.8.4).
//! - Intervals are jittered to 75-100 % (RFC 5880, section 6.8.7).
//! - The peer gets its time to answer: a ping that left late, because our queue was stuck or
//!   because we slept, moves the deadline.
//! - Times are readings of one clock that counts suspended time too, `CLOCK_BOOTTIME` on Linux. A
//!   timer that comes late is our own slowness.

mod crowd;
mod event;
pub mod frame;
mod jitter;
mod lateness;
mod machine;
mod message;
mod pace;
mod questions;
mod queue;
mod settings;
mod strikes;

pub use crowd::{Crowd, Member, Owner};
pub use event::{Event, Standing, Violation, Wake, Why};
pub use machine::Heartbeat;
pub use message::{Hello, Received, Sent, Transmit};
pub use settings::Settings;
