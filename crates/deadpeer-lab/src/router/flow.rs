//! The flow table of a NAT or a stateful firewall.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Packet, Transport};

/// Who talks to whom, the same for both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    tcp: bool,
    low: (IpAddr, u16),
    high: (IpAddr, u16),
}

/// What is remembered of each flow: when it was last heard.
#[derive(Debug, Clone, Default)]
pub(super) struct Flows {
    heard: HashMap<Key, Duration>,
}

impl Flows {
    /// Takes note of a packet; `false` if it belongs to a flow that is not known and cannot begin
    /// one.
    ///
    /// A SYN begins a flow, and so does every datagram. A RST ends one. What has no ports is not
    /// tracked.
    pub(super) fn admits(
        &mut self,
        packet: &Packet<'_>,
        now: Duration,
        idle: Option<Duration>,
    ) -> bool {
        let Some(key) = Key::of(packet) else {
            return true;
        };
        let known = self
            .heard
            .get(&key)
            .is_some_and(|&heard| idle.is_none_or(|idle| now.saturating_sub(heard) <= idle));
        let begins = packet
            .segment()
            .is_none_or(|segment| segment.syn && segment.ack.is_none());
        let ends = packet.segment().is_some_and(|segment| segment.rst);
        if !known && !begins || ends {
            self.heard.remove(&key);
        } else {
            self.heard.insert(key, now);
        }
        known || begins
    }

    /// Forgets every flow.
    pub(super) fn forget(&mut self) {
        self.heard.clear();
    }
}

impl Key {
    fn of(packet: &Packet<'_>) -> Option<Self> {
        let (source, destination) = packet.ports()?;
        let ends = [(packet.source, source), (packet.destination, destination)];
        Some(Self {
            tcp: matches!(packet.transport, Transport::Tcp(_)),
            low: ends[0].min(ends[1]),
            high: ends[0].max(ends[1]),
        })
    }
}
