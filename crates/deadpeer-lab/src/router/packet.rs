//! A packet as the router sees it.

use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// Bytes of the Ethernet header; the wire has no VLANs.
pub(super) const ETHERNET: usize = 14;

/// An IP packet, with the fields that rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The whole Ethernet frame.
    pub frame: &'a [u8],
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// Time to live or hop limit.
    pub hops: u8,
    /// What it carries.
    pub transport: Transport,
    /// Where the transport header begins in the frame.
    pub transport_at: usize,
}

/// What an IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp {
        /// The sender's port.
        source_port: u16,
        /// The receiver's port.
        destination_port: u16,
        /// Bytes it carries.
        payload: usize,
    },
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// Whether it reports an error, which must never be answered by another (RFC 1122 3.2.2,
        /// RFC 4443 2.4).
        error: bool,
    },
    /// Anything else, and fragments.
    Other,
}

/// The header of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number, if the ACK flag is set.
    pub ack: Option<u32>,
    /// The SYN flag.
    pub syn: bool,
    /// The FIN flag.
    pub fin: bool,
    /// The RST flag.
    pub rst: bool,
    /// Bytes it carries.
    pub payload: usize,
}

impl<'a> Packet<'a> {
    /// Reads an Ethernet frame; `None` for whatever is no whole IPv4 or IPv6 packet.
    #[must_use]
    pub fn read(frame: &'a [u8]) -> Option<Self> {
        let sliced = SlicedPacket::from_ethernet(frame).ok()?;
        let (source, destination, hops, payload) = match sliced.net? {
            NetSlice::Ipv4(ip) => (
                IpAddr::V4(ip.header().source_addr()),
                IpAddr::V4(ip.header().destination_addr()),
                ip.header().ttl(),
                ip.payload().payload,
            ),
            NetSlice::Ipv6(ip) => (
                IpAddr::V6(ip.header().source_addr()),
                IpAddr::V6(ip.header().destination_addr()),
                ip.header().hop_limit(),
                ip.payload().payload,
            ),
            NetSlice::Arp(_) => return None,
        };
        Some(Self {
            frame,
            source,
            destination,
            hops,
            transport: sliced
                .transport
                .as_ref()
                .map_or(Transport::Other, Transport::of),
            transport_at: payload.as_ptr().addr() - frame.as_ptr().addr(),
        })
    }

    /// The packet from its IP header on.
    #[must_use]
    pub fn ip(&self) -> &'a [u8] {
        &self.frame[ETHERNET..]
    }

    /// Source and destination port, where the transport has ports.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.transport {
            Transport::Tcp(segment) => Some((segment.source_port, segment.destination_port)),
            Transport::Udp {
                source_port,
                destination_port,
                ..
            } => Some((source_port, destination_port)),
            Transport::Icmp { .. } | Transport::Other => None,
        }
    }

    /// The TCP segment it carries.
    #[must_use]
    pub fn segment(&self) -> Option<&Segment> {
        match &self.transport {
            Transport::Tcp(segment) => Some(segment),
            Transport::Udp { .. } | Transport::Icmp { .. } | Transport::Other => None,
        }
    }
}

impl Transport {
    fn of(slice: &TransportSlice<'_>) -> Self {
        match slice {
            TransportSlice::Tcp(tcp) => Self::Tcp(Segment {
                source_port: tcp.source_port(),
                destination_port: tcp.destination_port(),
                seq: tcp.sequence_number(),
                ack: tcp.ack().then(|| tcp.acknowledgment_number()),
                syn: tcp.syn(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                payload: tcp.payload().len(),
            }),
            TransportSlice::Udp(udp) => Self::Udp {
                source_port: udp.source_port(),
                destination_port: udp.destination_port(),
                payload: udp.payload().len(),
            },
            // Unreachable, quench, redirect, time exceeded, parameter problem.
            TransportSlice::Icmpv4(icmp) => Self::Icmp {
                error: matches!(icmp.type_u8(), 3 | 4 | 5 | 11 | 12),
            },
            // RFC 4443 2.1: error messages have the high bit of the type clear; 137 is a redirect.
            TransportSlice::Icmpv6(icmp) => Self::Icmp {
                error: icmp.type_u8() < 128 || icmp.type_u8() == 137,
            },
            TransportSlice::Igmp(_) => Self::Other,
        }
    }
}
