//! What becomes of each packet: pure functions of packet, time and seed.
//!
//! A [`Router`] joins the links of all hosts. It answers for the gateway address of every link,
//! lowers the hop limit, and walks each packet through its rules in their order. It opens no socket
//! and reads no clock: `now` is the time since the wire was started, and what is to be sent comes
//! out as a [`Decision`].

mod answer;
mod bucket;
mod chance;
mod course;
mod decision;
mod flow;
mod forward;
mod link;
mod neighbour;
mod packet;
mod rule;
mod state;
#[cfg(test)]
mod tests;

pub use decision::{Decision, Emission};
pub use forward::{Router, Traffic};
pub use link::{End, Link, PREFIX_V4, PREFIX_V6, Station};
pub use packet::{Packet, Segment, Transport};
pub use rule::{Action, Condition, Lost, Protocol, Reject, Rule};
pub use state::{RuleCount, RuleId};
