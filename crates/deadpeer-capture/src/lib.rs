//! From a packet capture to the story of each TCP connection: which side was gone, since when, what
//! noticed it, and how long that took.
//!
//! Everything here is a pure function of bytes and of the times written into them: no descriptor,
//! no clock, no thread. Four steps, one module each:
//!
//! - [`read`]: a pcap or pcapng file, compressed or not, becomes packets;
//! - [`dissect`]: a packet becomes a TCP [`Segment`], or an [`IcmpError`] about one;
//! - [`talk`]: segments become conversations, in a few hundred bytes each and nothing per packet;
//! - [`story`]: a conversation becomes a timeline and a verdict.
//!
//! ```
//! use deadpeer_capture::{Conversations, Limits, Reader};
//!
//! # fn explain(input: impl std::io::Read) -> Result<(), deadpeer_capture::ReadError> {
//! let mut conversations = Conversations::new(Limits::default());
//! let mut capture = Reader::new(input)?;
//! while let Some(packet) = capture.next_packet()? {
//!     conversations.take(&packet);
//! }
//! for story in conversations.stories() {
//!     assert!(!story.verdict.sentence(&story).is_empty());
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod dissect;
mod moment;
pub mod read;
pub mod story;
pub mod talk;

pub use dissect::{Endpoint, Flags, IcmpError, Segment};
pub use moment::{Moment, Span};
pub use read::{Link, Packet, ReadError, Reader};
pub use story::{Story, StoryVerdict};
pub use talk::{Conversations, Kind, Limits, Side, Sighting};
