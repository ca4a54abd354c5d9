//! Packets that the router makes itself: RST, ICMP and ICMPv6 errors.

use std::net::IpAddr;

use etherparse::icmpv4::DestUnreachableHeader as V4;
use etherparse::icmpv6::DestUnreachableCode as V6;
use etherparse::{
    Icmpv4Type, Icmpv6Type, IpHeaders, Ipv4Header, Ipv6Header, PacketBuilder, PacketBuilderStep,
    icmpv4, icmpv6,
};

use super::{Link, Packet, Reject, Segment, Transport};

/// Hop limit of whatever the router sends itself.
const HOPS: u8 = 64;

/// How much of the packet an ICMP error quotes. RFC 1812 4.3.2.3: as much as fits into 576 bytes;
/// IPv6 at least as much.
const QUOTE: usize = 576 - 20 - 8;

/// The frame that turns a packet away, for the host at the end it came from; `None` for what must
/// not be answered.
pub(super) fn rejection(packet: &Packet<'_>, link: &Link, how: Reject) -> Option<Vec<u8>> {
    let v4 = Icmpv4Type::DestinationUnreachable;
    let v6 = Icmpv6Type::DestinationUnreachable;
    let (v4, v6) = match how {
        Reject::Reset => match packet.segment() {
            Some(segment) => return reset(packet, segment, link),
            None => (v4(V4::Port), v6(V6::Port)),
        },
        Reject::Host => (v4(V4::Host), v6(V6::Address)),
        Reject::Network => (v4(V4::Network), v6(V6::NoRoute)),
        Reject::Prohibited => (v4(V4::FilterProhibited), v6(V6::Prohibited)),
        Reject::Port => (v4(V4::Port), v6(V6::Port)),
    };
    error(packet, link, v4, v6)
}

/// The frame that tells the sender that the packet went through too many routers.
pub(super) fn time_exceeded(packet: &Packet<'_>, link: &Link) -> Option<Vec<u8>> {
    error(
        packet,
        link,
        Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit),
        Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded),
    )
}

/// A RST in the name of the receiver. RFC 9293 3.10.7.1: if the segment has an ACK, the RST takes
/// its sequence number from there; otherwise it has number 0 and acknowledges the segment. A RST is
/// never answered.
fn reset(packet: &Packet<'_>, segment: &Segment, link: &Link) -> Option<Vec<u8>> {
    if segment.rst {
        return None;
    }
    let (from, to) = (segment.destination_port, segment.source_port);
    let ip = between(packet.destination, packet.source, link)?;
    let tcp = match segment.ack {
        Some(ack) => ip.tcp(from, to, ack, 0).rst(),
        None => {
            let length = segment.payload as u32 + u32::from(segment.syn) + u32::from(segment.fin);
            ip.tcp(from, to, 0, 0)
                .rst()
                .ack(segment.seq.wrapping_add(length))
        }
    };
    let mut frame = Vec::with_capacity(tcp.size(0));
    tcp.write(&mut frame, &[]).ok()?;
    Some(frame)
}

/// An ICMP error in the name of the router. Errors and multicast are not answered (RFC 1122 3.2.2,
/// RFC 4443 2.4 e).
fn error(packet: &Packet<'_>, link: &Link, v4: Icmpv4Type, v6: Icmpv6Type) -> Option<Vec<u8>> {
    let answerable = packet.transport != Transport::Icmp { error: true }
        && !packet.source.is_multicast()
        && !packet.source.is_unspecified()
        && !packet.destination.is_multicast();
    if !answerable {
        return None;
    }
    let quote = &packet.ip()[..packet.ip().len().min(QUOTE)];
    let mut frame = Vec::with_capacity(128 + quote.len());
    match packet.source {
        IpAddr::V4(_) => between(link.gateway.v4.into(), packet.source, link)?
            .icmpv4(v4)
            .write(&mut frame, quote),
        IpAddr::V6(_) => between(link.gateway.v6.into(), packet.source, link)?
            .icmpv6(v6)
            .write(&mut frame, quote),
    }
    .ok()?;
    Some(frame)
}

/// The headers of a packet to the host of a link.
fn between(
    source: IpAddr,
    destination: IpAddr,
    link: &Link,
) -> Option<PacketBuilderStep<IpHeaders>> {
    let ethernet = PacketBuilder::ethernet2(link.gateway.mac, link.host.mac);
    Some(match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ethernet.ip(IpHeaders::Ipv4(
            Ipv4Header {
                time_to_live: HOPS,
                dont_fragment: true,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv4Header::default()
            },
            etherparse::Ipv4Extensions::default(),
        )),
        (IpAddr::V6(source), IpAddr::V6(destination)) => ethernet.ip(IpHeaders::Ipv6(
            Ipv6Header {
                hop_limit: HOPS,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv6Header::default()
            },
            etherparse::Ipv6Extensions::default(),
        )),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    })
}
