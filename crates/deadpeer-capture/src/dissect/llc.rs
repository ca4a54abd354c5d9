//! IEEE 802.2 LLC and SNAP: an EtherType where Ethernet has a length (RFC 1042), and on ATM (RFC
//! 2684).

use super::{Content, Layer, Skip, ethernet, ip};

/// The service access points of SNAP and of IP.
const SNAP: u8 = 0xaa;
const IP: u8 = 0x06;
/// Unnumbered information.
const UNNUMBERED: u8 = 0x03;

/// Who numbers what follows: EtherTypes, the bridges of IEEE 802.1.
const ETHERTYPES: [u8; 3] = [0, 0, 0];
const BRIDGES: [u8; 3] = [0x00, 0x80, 0xc2];

/// Reads an LLC header and what it announces.
pub(super) fn read(packet: Layer<'_>) -> Result<Content, Skip> {
    match *packet.head::<3>()? {
        [SNAP, SNAP, UNNUMBERED] => snap(packet.after(3)?),
        [IP, IP, UNNUMBERED] => ip::read(packet.after(3)?),
        _ => Err(Skip::NotIp),
    }
}

/// Reads a SNAP header and what it announces.
pub(super) fn snap(packet: Layer<'_>) -> Result<Content, Skip> {
    let [a, b, c, kind @ ..] = *packet.head::<5>()?;
    let (kind, inner) = (u16::from_be_bytes(kind), packet.after(5)?);
    match ([a, b, c], kind) {
        (ETHERTYPES, ethertype) => ethernet::carried(ethertype, inner),
        // An Ethernet frame, with its checksum or without, padded to four bytes.
        (BRIDGES, 0x0001 | 0x0007) => ethernet::read(inner.after(2)?),
        _ => Err(Skip::NotIp),
    }
}
