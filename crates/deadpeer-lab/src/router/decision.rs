//! What is to be done about a packet.

use std::time::Duration;

use super::{End, RuleId};

/// A frame to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// When, since the wire was started.
    pub at: Duration,
    /// To which end.
    pub to: End,
    /// The whole Ethernet frame.
    pub frame: Vec<u8>,
}

/// What one packet leads to. Kept by the caller and used again for the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// What is to be sent: the packet, its copies, an answer, or nothing.
    pub emissions: Vec<Emission>,
    /// The rules that did something to it, in order.
    pub trail: Vec<RuleId>,
}

impl Decision {
    pub(super) fn clear(&mut self) {
        self.emissions.clear();
        self.trail.clear();
    }
}
