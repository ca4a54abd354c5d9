//! Packets between the hosts of two links, and what is checked of those that come out.

use std::net::IpAddr;
use std::time::Duration;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TcpHeader, TransportSlice};

use crate::router::{Decision, Emission, End, Link, Router, Station};

pub(super) const LEFT: End = End(0);
pub(super) const RIGHT: End = End(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

pub(super) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

impl Family {
    pub(super) fn of(self, station: &Station) -> IpAddr {
        match self {
            Self::V4 => station.v4.into(),
            Self::V6 => station.v6.into(),
        }
    }
}

/// A TCP segment in the making, from the host of one end to that of another.
#[derive(Clone)]
pub(super) struct Tcp {
    pub(super) from: End,
    pub(super) to: IpAddr,
    pub(super) hops: u8,
    pub(super) header: TcpHeader,
    pub(super) payload: Vec<u8>,
}

impl Tcp {
    /// An acknowledgment without payload, port 4000 to 80 as seen from the left.
    pub(super) fn ack(family: Family, from: End) -> Self {
        let (source, destination, to) = match from {
            LEFT => (4000, 80, RIGHT),
            _ => (80, 4000, LEFT),
        };
        let mut header = TcpHeader::new(source, destination, 1000, 500);
        header.ack = true;
        header.acknowledgment_number = 7000;
        Self {
            from,
            to: family.of(&Link::of(to).host),
            hops: 64,
            header,
            payload: Vec::new(),
        }
    }

    pub(super) fn syn(family: Family, from: End) -> Self {
        let mut tcp = Self::ack(family, from);
        tcp.header.ack = false;
        tcp.header.syn = true;
        tcp
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn frame(&self) -> Vec<u8> {
        let link = Link::of(self.from);
        let ethernet = PacketBuilder::ethernet2(link.host.mac, link.gateway.mac);
        let ip = match self.to {
            IpAddr::V4(to) => ethernet.ipv4(link.host.v4.octets(), to.octets(), self.hops),
            IpAddr::V6(to) => ethernet.ipv6(link.host.v6.octets(), to.octets(), self.hops),
        };
        let mut frame = Vec::new();
        ip.tcp_header(self.header.clone())
            .write(&mut frame, &self.payload)
            .unwrap();
        frame
    }
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a router makes of one frame.
pub(super) fn decide(router: &mut Router, from: End, frame: &[u8], now: Duration) -> Decision {
    let mut decision = Decision::default();
    router.receive(from, frame, now, &mut decision);
    decision
}

/// Sends an acknowledgment from the left.
pub(super) fn pass(router: &mut Router, now: Duration) -> Vec<Emission> {
    let frame = Tcp::ack(Family::V4, LEFT).frame();
    decide(router, LEFT, &frame, now).emissions
}

/// Checks that every checksum of a frame holds.
pub(super) fn is_intact(frame: &[u8]) -> bool {
    let sliced = SlicedPacket::from_ethernet(frame).unwrap();
    match (sliced.net.unwrap(), sliced.transport) {
        (NetSlice::Ipv4(ip), transport) => {
            let header = ip.header().to_header();
            let (from, to) = (header.source, header.destination);
            header.calc_header_checksum() == header.header_checksum
                && match transport {
                    Some(TransportSlice::Tcp(tcp)) => {
                        tcp.calc_checksum_ipv4(from, to) == Ok(tcp.checksum())
                    }
                    Some(TransportSlice::Icmpv4(icmp)) => {
                        icmp.icmp_type().calc_checksum(icmp.payload()) == icmp.checksum()
                    }
                    _ => panic!("neither TCP nor ICMP"),
                }
        }
        (NetSlice::Ipv6(ip), transport) => {
            let (from, to) = (ip.header().source(), ip.header().destination());
            match transport {
                Some(TransportSlice::Tcp(tcp)) => {
                    tcp.calc_checksum_ipv6(from, to) == Ok(tcp.checksum())
                }
                Some(TransportSlice::Icmpv6(icmp)) => icmp.is_checksum_valid(from, to),
                _ => panic!("neither TCP nor ICMPv6"),
            }
        }
        (NetSlice::Arp(_), _) => panic!("not IP"),
    }
}
