//! Tunnels over UDP, told by their ports.

use super::next_protocol;
use crate::dissect::{Content, Layer, Opaque, Skip, ethernet, ip, mpls, ppp, wifi};

/// How a tunnel is read that a port stands for.
type Read = fn(Layer<'_>) -> Result<Content, Skip>;

/// The port of a tunnel's end, and how it is read. The registered ports, and the one that Linux had
/// for VXLAN before there was one.
const TUNNELS: [(u16, Read); 16] = [
    (1194, |_| Err(Skip::Opaque(Opaque::OpenVpn))),
    (1701, l2tp),
    (2152, gtp_u),
    (3544, teredo),
    (4341, |inner| ip::read(inner.after(8)?)),
    (4500, ipsec),
    (4754, super::gre),
    (4789, vxlan),
    (4790, vxlan_gpe),
    (5072, ayiya),
    (5247, capwap),
    (6081, geneve),
    (6635, mpls::read),
    (8472, vxlan),
    (37008, tzsp),
    (51820, wireguard),
];

/// Reads a UDP datagram, if either end is that of a tunnel.
pub(in crate::dissect) fn read(packet: Layer<'_>) -> Result<Content, Skip> {
    let (source, destination) = (packet.u16_at(0)?, packet.u16_at(2)?);
    let of = |port| TUNNELS.iter().find(|(known, _)| *known == port);
    let Some((_, read)) = of(destination).or_else(|| of(source)) else {
        return Err(Skip::NotTcp);
    };
    let datagram = match packet.u16_at(4)? {
        // A jumbogram (RFC 2675), or what the network card will cut.
        0 => packet,
        1..8 => return Err(Skip::Malformed),
        length => packet.ending(u32::from(length)),
    };
    match read(datagram.after(8)?) {
        // Whatever else the port is used for.
        Err(Skip::Malformed | Skip::NotIp | Skip::NestedTooDeep) => Err(Skip::NotTcp),
        read => read,
    }
}

/// VXLAN (RFC 7348).
fn vxlan(inner: Layer<'_>) -> Result<Content, Skip> {
    const HAS_NETWORK: u8 = 0x08;
    match inner.head::<8>()?[0] & HAS_NETWORK {
        0 => Err(Skip::NotTcp),
        _ => ethernet::read(inner.after(8)?),
    }
}

/// VXLAN's generic extension (draft-ietf-nvo3-vxlan-gpe).
fn vxlan_gpe(inner: Layer<'_>) -> Result<Content, Skip> {
    next_protocol(inner.head::<8>()?[3], inner.after(8)?)
}

/// Geneve (RFC 8926).
fn geneve(inner: Layer<'_>) -> Result<Content, Skip> {
    let options = usize::from(inner.head::<8>()?[0] & 0x3f) * 4;
    ethernet::carried(inner.u16_at(2)?, inner.after(8 + options)?)
}

/// The user plane of mobile networks (3GPP TS 29.281).
fn gtp_u(inner: Layer<'_>) -> Result<Content, Skip> {
    const VERSION_AND_TYPE: u8 = 0xf0;
    const VERSION_1: u8 = 0x30;
    const EXTENSION: u8 = 0x04;
    const OPTIONAL: u8 = 0x07;
    const USER_DATA: u8 = 0xff;
    let head = inner.head::<8>()?;
    if head[0] & VERSION_AND_TYPE != VERSION_1 || head[1] != USER_DATA {
        return Err(Skip::NotTcp);
    }
    let mut payload = inner.after(8)?;
    if head[0] & OPTIONAL != 0 {
        let mut next = payload.head::<4>()?[3];
        payload = payload.after(4)?;
        while head[0] & EXTENSION != 0 && next != 0 {
            let size = usize::from(payload.head::<1>()?[0]) * 4;
            let extension = payload.bytes.get(..size).ok_or(Skip::CutShort)?;
            next = *extension.last().ok_or(Skip::Malformed)?;
            payload = payload.after(size)?;
        }
    }
    ip::read(payload)
}

/// The data of wireless access points (RFC 5415): frames of Ethernet, or of 802.11.
fn capwap(inner: Layer<'_>) -> Result<Content, Skip> {
    const ENCRYPTED: u8 = 0x01;
    const NATIVE: u8 = 0x01;
    const FRAGMENT: u8 = 0x80;
    const KEEP_ALIVE: u8 = 0x08;
    let head = inner.head::<8>()?;
    if head[0] == ENCRYPTED {
        return Err(Skip::Opaque(Opaque::Dtls));
    }
    if head[0] != 0 || head[3] & KEEP_ALIVE != 0 {
        return Err(Skip::NotTcp);
    }
    let place = u16::from_be_bytes([head[6], head[7]]) >> 3;
    if head[3] & FRAGMENT != 0 && place != 0 {
        return Err(Skip::LaterFragment);
    }
    let frame = inner.after(usize::from(head[1] >> 3) * 4)?;
    match head[2] & NATIVE {
        0 => ethernet::read(frame),
        _ => wifi::frame_of_either_order(frame),
    }
}

/// L2TP (RFC 2661): PPP, after as many fields as it says.
fn l2tp(inner: Layer<'_>) -> Result<Content, Skip> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    let flags = inner.u16_at(0)?;
    match (flags & CONTROL, flags & 0x000f) {
        (0, 2) => {}
        (0, 3) => return Err(Skip::Opaque(Opaque::L2tpV3)),
        _ => return Err(Skip::NotTcp),
    }
    let mut size = 6;
    size += if flags & LENGTH != 0 { 2 } else { 0 };
    size += if flags & SEQUENCE != 0 { 4 } else { 0 };
    if flags & OFFSET != 0 {
        size += 2 + usize::from(inner.u16_at(size)?);
    }
    ppp::read(inner.after(size)?)
}

/// IPv6 through a NAT (RFC 4380), after indications of who it is.
fn teredo(mut inner: Layer<'_>) -> Result<Content, Skip> {
    if inner.u16_at(0)? == 1 {
        let head = inner.head::<4>()?;
        inner = inner.after(13 + usize::from(head[2]) + usize::from(head[3]))?;
    }
    if inner.u16_at(0)? == 0 {
        inner = inner.after(8)?;
    }
    ip::read(inner)
}

/// IPv6 of tunnel brokers (draft-massar-v6ops-ayiya): who it is and a signature, as long as the
/// header says.
fn ayiya(inner: Layer<'_>) -> Result<Content, Skip> {
    const FORWARD: u8 = 1;
    let [identity, signature, operation, ..] = *inner.head::<8>()?;
    if operation & 0x0f != FORWARD {
        return Err(Skip::NotTcp);
    }
    let size = 8 + (1 << (identity >> 4)) + usize::from(signature >> 4) * 4;
    ip::read(inner.after(size)?)
}

/// Mirrored frames in the TaZmen Sniffer Protocol.
fn tzsp(inner: Layer<'_>) -> Result<Content, Skip> {
    const ETHERNET: u16 = 1;
    const WIFI: u16 = 0x12;
    let head = inner.head::<4>()?;
    let kind = u16::from_be_bytes([head[2], head[3]]);
    let mut at = 4;
    loop {
        match *inner.bytes.get(at).ok_or(Skip::CutShort)? {
            0 => at += 1,
            1 => break,
            _ => at += 2 + usize::from(*inner.bytes.get(at + 1).ok_or(Skip::CutShort)?),
        }
    }
    let frame = inner.after(at + 1)?;
    match (head[0], kind) {
        (1, ETHERNET) => ethernet::read(frame),
        (1, WIFI) => wifi::frame(frame, false),
        _ => Err(Skip::NotTcp),
    }
}

/// IPsec's data through a NAT, told from its key exchange by four zero bytes (RFC 3948).
fn ipsec(inner: Layer<'_>) -> Result<Content, Skip> {
    match inner.head::<4>() {
        Ok([0, 0, 0, 0]) | Err(_) => Err(Skip::NotTcp),
        Ok(_) => Err(Skip::Opaque(Opaque::Ipsec)),
    }
}

/// WireGuard's transport data (its handshake is none).
fn wireguard(inner: Layer<'_>) -> Result<Content, Skip> {
    match inner.head::<4>()? {
        [4, 0, 0, 0] => Err(Skip::Opaque(Opaque::WireGuard)),
        _ => Err(Skip::NotTcp),
    }
}
