//! What stands before the network layer, by link type.

use super::{Content, Layer, Skip, ethernet, ip, llc, mpls, ppp, wifi};
use crate::Link;

/// Reads a packet from its first byte on.
pub(super) fn read(link: Link, packet: Layer<'_>) -> Result<Content, Skip> {
    match link {
        Link::ETHERNET => ethernet::read(packet),
        Link::LINUX_SLL => cooked(packet.u16_at(2)?, packet.u16_at(14)?, packet.after(16)?),
        Link::LINUX_SLL2 => cooked(packet.u16_at(8)?, packet.u16_at(0)?, packet.after(20)?),
        // 12 and 14 are how some BSDs number it.
        Link::RAW | Link::IPV4 | Link::IPV6 | Link(12 | 14) => ip::read(packet),
        // The family's number differs between systems, the version of IP doesn't.
        Link::NULL | Link::LOOP => ip::read(packet.after(4)?),
        Link::PPP | Link::PPP_HDLC => ppp::serial(packet),
        // One byte says which way it went.
        Link::PPP_WITH_DIRECTION | Link::PPP_PPPD => ppp::read(packet.after(1)?),
        Link::PPP_ETHERNET => ppp::read(packet.after(6)?),
        Link::CISCO_HDLC => ppp::serial(packet),
        Link::CISCO_HDLC_WITH_DIRECTION => ppp::cisco_hdlc(packet.after(1)?),
        Link::FRAME_RELAY => frame_relay(packet),
        Link::ATM_RFC1483 => llc::read(packet),
        Link::MPLS => mpls::read(packet),
        Link::TOKEN_RING => token_ring(packet),
        Link::FDDI => llc::read(packet.after(13)?),
        Link::ARCNET => arcnet(packet, 2),
        Link::ARCNET_LINUX => arcnet(packet, 4),
        Link::IEEE802_11 => wifi::frame(packet, false),
        Link::RADIOTAP => wifi::radiotap(packet),
        Link::PRISM | Link::AVS => wifi::prism(packet),
        Link::JUNIPER_ETHERNET => juniper(packet, ethernet::read),
        Link::JUNIPER_PPP => juniper(packet, ppp::read),
        Link::JUNIPER_FRAME_RELAY => juniper(packet, frame_relay),
        Link::JUNIPER_CISCO_HDLC => juniper(packet, ppp::serial),
        Link::PPI => per_packet_information(packet),
        // A global routing header of 40 bytes, an EtherType, and nothing twice.
        Link::IPOIB => ethernet::carried(packet.u16_at(40)?, packet.after(44)?),
        Link::NFLOG => nflog(packet),
        Link::PFLOG => pflog(packet),
        Link::ENC => ip::read(packet.after(12)?),
        Link(_) => Err(Skip::UnknownLink(link)),
    }
}

/// Linux' cooked capture: the kind of the device, and the protocol that it announced.
fn cooked(device: u16, protocol: u16, packet: Layer<'_>) -> Result<Content, Skip> {
    /// Kinds of devices (include/uapi/linux/if_arp.h) whose protocol says nothing.
    const WIFI: u16 = 801;
    const PRISM: u16 = 802;
    const RADIOTAP: u16 = 803;
    /// Pseudo protocols (include/uapi/linux/if_ether.h).
    const LLC: u16 = 4;
    match (device, protocol) {
        (WIFI, _) => wifi::frame(packet, false),
        (PRISM, _) => wifi::prism(packet),
        (RADIOTAP, _) => wifi::radiotap(packet),
        (_, LLC) => llc::read(packet),
        (_, 0..=1500) => Err(Skip::NotIp),
        (_, ethertype) => ethernet::carried(ethertype, packet),
    }
}

/// Frame relay (RFC 2427), or Cisco's with an EtherType.
fn frame_relay(packet: Layer<'_>) -> Result<Content, Skip> {
    const LAST: u8 = 0x01;
    let address = packet
        .bytes
        .iter()
        .take(4)
        .position(|byte| byte & LAST != 0);
    let packet = packet.after(address.ok_or(Skip::Malformed)? + 1)?;
    let (control, padded) = match *packet.head::<2>()? {
        [0x03, 0x00] => (packet.after(2)?, true),
        [0x03, _] => (packet.after(1)?, false),
        ethertype => return ethernet::carried(u16::from_be_bytes(ethertype), packet.after(2)?),
    };
    match (control.head::<1>()?[0], padded) {
        (0x80, _) => llc::snap(control.after(1)?),
        (0xcc | 0x8e, _) => ip::read(control.after(1)?),
        _ => Err(Skip::NotIp),
    }
}

/// Token ring: addresses, and the way through the bridges if the source has one.
fn token_ring(packet: Layer<'_>) -> Result<Content, Skip> {
    const ROUTED: u8 = 0x80;
    let head = packet.head::<15>()?;
    let route = match head[8] & ROUTED {
        0 => 0,
        _ => usize::from(head[14] & 0x1f),
    };
    llc::read(packet.after(14 + route)?)
}

/// What Juniper's routers record: a header of their own, before the frame or without it before the
/// packet.
fn juniper(
    packet: Layer<'_>,
    frame: fn(Layer<'_>) -> Result<Content, Skip>,
) -> Result<Content, Skip> {
    const MAGIC: &[u8] = b"MGC";
    const WITHOUT_FRAME: u8 = 0x02;
    const EXTENDED: u8 = 0x80;
    let [magic @ .., flags] = packet.head::<4>()?;
    if magic != MAGIC {
        return Err(Skip::Malformed);
    }
    let size = match flags & EXTENDED {
        0 => 4,
        _ => 6 + usize::from(packet.u16_at(4)?),
    };
    match flags & WITHOUT_FRAME {
        0 => frame(packet.after(size)?),
        _ => ip::read(packet.after(size + 4)?),
    }
}

/// ARCnet: a byte for what follows, after the addresses; of the newer kind (RFC 1201) also what
/// puts pieces together.
fn arcnet(packet: Layer<'_>, addresses: usize) -> Result<Content, Skip> {
    const OLD_IP: u8 = 0xf0;
    const IP: u8 = 0xd4;
    const IPV6: u8 = 0xc4;
    /// As it is, with filling before it.
    const EXCEPTION: u8 = 0xff;
    let inner = packet.after(addresses)?;
    let [kind, flag] = *inner.head::<2>()?;
    match (kind, flag) {
        (OLD_IP, _) => ip::read(inner.after(1)?),
        (IP | IPV6, EXCEPTION) => ip::read(inner.after(8)?),
        (IP | IPV6, _) => ip::read(inner.after(4)?),
        _ => Err(Skip::NotIp),
    }
}

/// A header of CACE's that names the link type of what follows.
fn per_packet_information(packet: Layer<'_>) -> Result<Content, Skip> {
    let head = packet.head::<8>()?;
    let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
    let link = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let link = u16::try_from(link).map_err(|_| Skip::Malformed)?;
    read(Link(link), packet.after(length)?)
}

/// Linux' firewall log (`iptables -j NFLOG`): attributes in the byte order of the machine, one of
/// them the packet.
fn nflog(packet: Layer<'_>) -> Result<Content, Skip> {
    const PAYLOAD: u16 = 9;
    packet.head::<4>()?;
    let mut rest = packet.after(4)?;
    loop {
        let head = rest.head::<4>()?;
        let pair = |at: usize| [head[at], head[at + 1]];
        // A length is small, so its bytes the wrong way round are not.
        let little = u16::from_le_bytes(pair(0));
        let (length, kind) = match usize::from(little) <= rest.length as usize {
            true => (little, u16::from_le_bytes(pair(2))),
            false => (u16::from_be_bytes(pair(0)), u16::from_be_bytes(pair(2))),
        };
        let length = usize::from(length);
        if length < 4 {
            return Err(Skip::Malformed);
        }
        if kind & 0x7fff == PAYLOAD {
            return ip::read(rest.after(4)?.ending(length as u32 - 4));
        }
        // Attributes are bounded by their own lengths, not as layers.
        rest = Layer {
            depth: rest.depth,
            ..rest.after(length.next_multiple_of(4))?
        };
    }
}

/// OpenBSD's firewall log: its length, padded to four bytes, then the packet.
fn pflog(packet: Layer<'_>) -> Result<Content, Skip> {
    let length = usize::from(packet.head::<1>()?[0]);
    ip::read(packet.after(length.next_multiple_of(4))?)
}
