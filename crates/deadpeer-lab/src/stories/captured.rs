//! Packets of a capture, in memory.

use std::time::Duration;

use deadpeer_capture::dissect::{Content, dissect};
use deadpeer_capture::{Link, Moment, Packet, Segment, Side};

/// A captured packet.
#[derive(Debug, Clone)]
pub(super) struct Captured {
    pub(super) at: Moment,
    pub(super) bytes: Vec<u8>,
    pub(super) length: u32,
    pub(super) link: Link,
}

impl Captured {
    pub(super) fn of(packet: &Packet<'_>) -> Option<Self> {
        Some(Self {
            at: packet.at?,
            bytes: packet.bytes.to_vec(),
            length: packet.length,
            link: packet.link,
        })
    }

    pub(super) fn segment(&self) -> Option<Segment> {
        match dissect(self.link, &self.bytes, self.length) {
            Ok(Content::Tcp(segment)) => Some(segment),
            _ => None,
        }
    }

    /// Whose it is: our clients' ports are higher than the servers'.
    pub(super) fn side(&self) -> Option<Side> {
        let segment = self.segment()?;
        Some(if segment.source.port > segment.destination.port {
            Side::Client
        } else {
            Side::Server
        })
    }

    /// The same behind a router, as a capture there has it whose clock is so far ahead.
    pub(super) fn routed(mut self, ahead: Duration) -> Self {
        self.at = self.at.plus(ahead);
        // Behind an Ethernet header: the TTL of IPv4, the hop limit of IPv6.
        let hops = match self.bytes.get(12..14) {
            Some([0x08, 0x00]) => 22,
            Some([0x86, 0xdd]) => 21,
            _ => return self,
        };
        if let Some(hops) = self.bytes.get_mut(hops) {
            *hops = hops.saturating_sub(1);
        }
        self
    }

    /// The same in a capture of headers alone, options not among them.
    pub(super) fn without_payload(mut self) -> Self {
        let headers = match self.bytes.get(12..14) {
            Some([0x86, 0xdd]) => 14 + 40 + 20,
            _ => 14 + 20 + 20,
        };
        self.bytes.truncate(headers);
        self
    }
}
