//! ARP and neighbour discovery: answers for the router's own address, and for no other.

use std::net::Ipv6Addr;

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket,
    TransportSlice,
    icmpv6::{NeighborAdvertisementHeader, TYPE_NEIGHBOR_SOLICITATION},
};

use super::Link;

/// The first option of an advertisement: the target's Ethernet address, in one unit of 8 bytes (RFC
/// 4861 4.6.1).
const TARGET_LINK_ADDRESS: [u8; 2] = [2, 1];

/// What a frame asks of the router as a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// Not about neighbours at all.
    Other,
    /// About neighbours, but nothing the router answers: other addresses, announcements, duplicate
    /// address detection.
    Unanswered,
    /// The router's address is asked for; this frame answers.
    Answer(Vec<u8>),
}

/// Reads a frame that came from the host of a link.
pub(super) fn read(frame: &[u8], link: &Link) -> Request {
    let Ok(sliced) = SlicedPacket::from_ethernet(frame) else {
        return Request::Other;
    };
    let answer = match (&sliced.net, &sliced.transport) {
        (Some(NetSlice::Arp(arp)), _) => arp
            .to_packet()
            .try_eth_ipv4()
            .ok()
            .and_then(|request| arp_reply(&request, link)),
        // RFC 4861 4: router and neighbour solicitations and advertisements, redirects.
        (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp)))
            if (133..=137).contains(&icmp.type_u8()) =>
        {
            (icmp.type_u8() == TYPE_NEIGHBOR_SOLICITATION)
                .then(|| advertisement(ip.header().source_addr(), icmp.payload(), link))
                .flatten()
        }
        _ => return Request::Other,
    };
    answer.map_or(Request::Unanswered, Request::Answer)
}

fn arp_reply(request: &ArpEthIpv4Packet, link: &Link) -> Option<Vec<u8>> {
    let asked =
        request.operation == ArpOperation::REQUEST && request.target_ipv4_addr() == link.gateway.v4;
    if !asked {
        return None;
    }
    let reply = ArpEthIpv4Packet {
        operation: ArpOperation::REPLY,
        sender_mac: link.gateway.mac,
        sender_ipv4: link.gateway.v4.octets(),
        target_mac: request.sender_mac,
        target_ipv4: request.sender_ipv4,
    };
    let mut frame = Vec::with_capacity(64);
    PacketBuilder::ethernet2(link.gateway.mac, link.host.mac)
        .arp(reply.to_arp_packet())
        .write(&mut frame)
        .ok()?;
    Some(frame)
}

fn advertisement(asker: Ipv6Addr, body: &[u8], link: &Link) -> Option<Vec<u8>> {
    let target = Ipv6Addr::from(*body.first_chunk::<16>()?);
    if target != link.gateway.v6 || asker.is_unspecified() {
        return None;
    }
    let about = NeighborAdvertisementHeader {
        router: true,
        solicited: true,
        r#override: true,
    };
    let body = [
        &target.octets()[..],
        &TARGET_LINK_ADDRESS,
        &link.gateway.mac,
    ]
    .concat();
    let mut frame = Vec::with_capacity(128);
    PacketBuilder::ethernet2(link.gateway.mac, link.host.mac)
        // RFC 4861 7.1.2: a hop limit of 255 proves that no router forwarded it.
        .ipv6(target.octets(), asker.octets(), 255)
        .icmpv6(Icmpv6Type::NeighborAdvertisement(about))
        .write(&mut frame, &body)
        .ok()?;
    Some(frame)
}
