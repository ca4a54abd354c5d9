//! IPv4 (RFC 791) and IPv6 (RFC 8200) with their options and extension headers.

use super::segment::Endpoint;
use super::{Content, Layer, Opaque, Skip, ethernet, icmp, mpls, tcp, tunnel};

pub(super) const TCP: u8 = 6;
const ICMP: u8 = 1;
const IPV4_WITHIN: u8 = 4;
const UDP: u8 = 17;
const IPV6_WITHIN: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
const AUTHENTICATION: u8 = 51;
const ICMPV6: u8 = 58;
const ETHERNET_WITHIN: u8 = 97;
const IPCOMP: u8 = 108;
const L2TP_V3: u8 = 115;
const MPLS_WITHIN: u8 = 137;

/// More extension headers than anybody sends.
const MOST_EXTENSIONS: usize = 16;

/// What an IP header says that somebody further up wants to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) source: u128,
    pub(super) destination: u128,
    /// TTL or hop limit.
    pub(super) hops: u8,
    /// The identification of IPv4.
    pub(super) id: Option<u16>,
    /// Whether fragments follow, with more of the payload.
    pub(super) fragmented: bool,
    /// What the payload is.
    pub(super) protocol: u8,
}

/// Reads an IP packet of either version.
pub(super) fn read(packet: Layer<'_>) -> Result<Content, Skip> {
    let (header, payload) = header(packet)?;
    match header.protocol {
        TCP => tcp::read(&header, payload).map(Content::Tcp),
        ICMP => icmp::read_v4(&header, payload).map(Content::Icmp),
        ICMPV6 => icmp::read_v6(&header, payload).map(Content::Icmp),
        IPV4_WITHIN | IPV6_WITHIN => read(payload),
        GRE => tunnel::gre(payload),
        UDP => tunnel::udp(payload),
        MPLS_WITHIN => mpls::read(payload),
        // RFC 3378: two bytes of version.
        ETHERNET_WITHIN => ethernet::read(payload.after(2)?),
        ESP => Err(Skip::Opaque(Opaque::Ipsec)),
        IPCOMP => Err(Skip::Opaque(Opaque::IpComp)),
        L2TP_V3 => Err(Skip::Opaque(Opaque::L2tpV3)),
        _ => Err(Skip::NotTcp),
    }
}

/// The header of an IP packet, and what it carries.
pub(super) fn header(packet: Layer<'_>) -> Result<(Header, Layer<'_>), Skip> {
    match packet.head::<1>()?[0] >> 4 {
        4 => header_v4(packet),
        6 => header_v6(packet),
        _ => Err(Skip::Malformed),
    }
}

fn header_v4(packet: Layer<'_>) -> Result<(Header, Layer<'_>), Skip> {
    let head = packet.head::<20>()?;
    let words = usize::from(head[0] & 0x0f);
    if words < 5 {
        return Err(Skip::Malformed);
    }
    let fragment = u16::from_be_bytes([head[6], head[7]]);
    if fragment & 0x1fff != 0 {
        return Err(Skip::LaterFragment);
    }
    let total = u32::from(u16::from_be_bytes([head[2], head[3]]));
    // A segment that the network card will cut is captured whole, longer than 16 bits can say: then
    // it says 0.
    let packet = if total == 0 {
        packet
    } else if total < words as u32 * 4 {
        return Err(Skip::Malformed);
    } else {
        packet.ending(total)
    };
    let mut header = Header {
        source: Endpoint::v4([head[12], head[13], head[14], head[15]]),
        destination: Endpoint::v4([head[16], head[17], head[18], head[19]]),
        hops: head[8],
        id: Some(u16::from_be_bytes([head[4], head[5]])),
        fragmented: fragment & 0x2000 != 0,
        protocol: head[9],
    };
    let mut payload = packet.after(words * 4)?;
    if header.protocol == AUTHENTICATION {
        let head = payload.head::<2>()?;
        header.protocol = head[0];
        payload = payload.after(authentication_size(*head))?;
    }
    Ok((header, payload))
}

/// The authentication header counts in 4 bytes (RFC 4302).
fn authentication_size([_, words]: [u8; 2]) -> usize {
    usize::from(words) * 4 + 8
}

fn header_v6(packet: Layer<'_>) -> Result<(Header, Layer<'_>), Skip> {
    let head = packet.head::<40>()?;
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&head[at..at + 16]);
        u128::from_be_bytes(octets)
    };
    let mut header = Header {
        source: address(8),
        destination: address(24),
        hops: head[7],
        id: None,
        fragmented: false,
        protocol: head[6],
    };
    let length = u32::from(u16::from_be_bytes([head[4], head[5]]));
    let mut payload = packet.after(40)?;
    // 0: a jumbogram (RFC 2675) or a segment that the network card will cut.
    if length > 0 {
        payload = payload.ending(length);
    }
    for _ in 0..MOST_EXTENSIONS {
        let size = match header.protocol {
            // Hop-by-hop options, routing, destination options, mobility, HIP, shim6.
            0 | 43 | 60 | 135 | 139 | 140 => usize::from(payload.head::<2>()?[1]) * 8 + 8,
            AUTHENTICATION => authentication_size(*payload.head::<2>()?),
            44 => {
                let fragment = payload.head::<8>()?;
                let place = u16::from_be_bytes([fragment[2], fragment[3]]);
                if place & 0xfff8 != 0 {
                    return Err(Skip::LaterFragment);
                }
                header.fragmented = place & 1 != 0;
                8
            }
            _ => return Ok((header, payload)),
        };
        header.protocol = payload.head::<2>()?[0];
        // Extension headers are bounded by their own count, not as layers.
        payload = Layer {
            depth: payload.depth,
            ..payload.after(size)?
        };
    }
    Err(Skip::Malformed)
}
