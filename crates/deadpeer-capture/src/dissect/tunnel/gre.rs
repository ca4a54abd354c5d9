//! GRE (RFC 2784, 2890), PPTP's (RFC 2637), MikroTik's EoIP, and ERSPAN (draft-foschiano-erspan)
//! within it.

use std::ops::RangeInclusive;

use crate::dissect::{Content, Layer, Skip, ethernet, ip, ppp, wifi};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// A mirrored Ethernet frame: types I and II, and type III.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// A packet on its way to a web cache (WCCP), with four bytes before it since its second version.
const WCCP: u16 = 0x883e;

/// An Ethernet frame between two of MikroTik's routers: the key is its length and a tunnel.
const EOIP: (u16, u16) = (KEY | 1, 0x6400);

/// Frames of an access point of Aruba's on their way to its controller, numbered by their urgency.
const ARUBA: RangeInclusive<u16> = 0x8200..=0x83ff;

/// Reads what a GRE header wraps.
pub(in crate::dissect) fn read(packet: Layer<'_>) -> Result<Content, Skip> {
    let (flags, protocol) = (packet.u16_at(0)?, packet.u16_at(2)?);
    if (flags, protocol) == EOIP {
        let length = packet.u16_at(4)?;
        return ethernet::read(packet.after(8)?.ending(u32::from(length)));
    }
    match flags & VERSION {
        0 => {}
        1 => return pptp(flags, packet),
        _ => return Err(Skip::NotTcp),
    }
    // Routing (RFC 1701) is obsolete.
    if flags & ROUTING != 0 {
        return Err(Skip::NotTcp);
    }
    let fields = [CHECKSUM, KEY, SEQUENCE];
    let fields = fields.iter().filter(|bit| flags & **bit != 0).count();
    let inner = packet.after(4 + 4 * fields)?;
    match protocol {
        // The first type has neither a number nor a header of its own.
        ERSPAN if flags & SEQUENCE == 0 => ethernet::read(inner),
        ERSPAN => ethernet::read(inner.after(8)?),
        ERSPAN_III => erspan_iii(inner),
        WCCP if inner.head::<1>()?[0] >> 4 != 4 => ip::read(inner.after(4)?),
        WCCP => ip::read(inner),
        aruba if ARUBA.contains(&aruba) => wifi::frame_of_either_order(inner),
        ethertype => ethernet::carried(ethertype, inner),
    }
}

/// The version that PPTP has made of it: the key is a length and a call, and it acknowledges.
fn pptp(flags: u16, packet: Layer<'_>) -> Result<Content, Skip> {
    let length = packet.u16_at(4)?;
    if flags & SEQUENCE == 0 {
        // Nothing but an acknowledgment.
        return Err(Skip::NotTcp);
    }
    let size = if flags & ACKNOWLEDGMENT == 0 { 12 } else { 16 };
    ppp::read(packet.after(size)?.ending(u32::from(length)))
}

fn erspan_iii(packet: Layer<'_>) -> Result<Content, Skip> {
    const SUBHEADER: u8 = 0x01;
    const FRAME_TYPE: u8 = 0x7c;
    let head = packet.head::<12>()?;
    let size = match head[11] & SUBHEADER {
        0 => 12,
        _ => 20,
    };
    let inner = packet.after(size)?;
    match (head[10] & FRAME_TYPE) >> 2 {
        0 => ethernet::read(inner),
        2 => ip::read(inner),
        _ => Err(Skip::NotIp),
    }
}
