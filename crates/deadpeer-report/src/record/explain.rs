//! What `explain` publishes. Times are RFC 3339 in UTC.

mod capture;
mod story;
mod verdict;

pub use capture::{Capture, Group, Packet};
pub use story::{SeenAs, Side, Story, Translated};
pub use verdict::{Event, Evidence, StoryVerdict};
