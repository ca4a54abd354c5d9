//! PPP (RFC 1661), framed like HDLC (RFC 1662) or not, and Cisco's HDLC.

use super::{Content, Layer, Opaque, Skip, ethernet, ip, mpls};

/// Every station, unnumbered information: what PPP has before its protocol, unless both ends leave
/// it out.
const FRAMED: [u8; 2] = [0xff, 0x03];
/// How frames of Cisco's HDLC begin: to one station or to all.
const CISCO: [[u8; 2]; 2] = [[0x0f, 0x00], [0x8f, 0x00]];

/// Reads a frame of a serial line: PPP, or Cisco's HDLC.
pub(super) fn serial(frame: Layer<'_>) -> Result<Content, Skip> {
    if CISCO.contains(frame.head::<2>()?) {
        return cisco_hdlc(frame);
    }
    read(frame)
}

/// Reads Cisco's HDLC: an EtherType after two bytes.
pub(super) fn cisco_hdlc(frame: Layer<'_>) -> Result<Content, Skip> {
    ethernet::carried(frame.u16_at(2)?, frame.after(4)?)
}

/// Reads a PPP frame from its address field or, where that is left out, its protocol field on.
pub(super) fn read(mut frame: Layer<'_>) -> Result<Content, Skip> {
    if *frame.head::<2>()? == FRAMED {
        frame = frame.after(2)?;
    }
    // An odd byte ends the field: the other end agreed to leave out a zero (RFC 1661, section 6.5).
    let first = frame.head::<1>()?[0];
    let (protocol, inner) = match first & 1 {
        1 => (u16::from(first), frame.after(1)?),
        _ => (frame.u16_at(0)?, frame.after(2)?),
    };
    match protocol {
        0x0021 | 0x0057 => ip::read(inner),
        // Van Jacobson's (RFC 1144) and its successors (RFC 2507, RFC 3095).
        0x002d | 0x002f | 0x0003 | 0x0005 | 0x0061 | 0x0063 | 0x0065 | 0x0067 | 0x0069 | 0x2063
        | 0x2065 | 0x2067 | 0x2069 => Err(Skip::Opaque(Opaque::CompressedHeaders)),
        0x003d => multilink(inner),
        0x0053 | 0x0055 => Err(Skip::Opaque(Opaque::PppEncrypted)),
        0x00fb | 0x00fd => Err(Skip::Opaque(Opaque::PppCompressed)),
        0x0281 | 0x0283 => mpls::read(inner),
        0x0031 => bridged(inner),
        _ => Err(Skip::NotIp),
    }
}

/// A piece of a frame that was spread over several lines (RFC 1990).
fn multilink(piece: Layer<'_>) -> Result<Content, Skip> {
    const BEGIN: u8 = 0x80;
    match piece.head::<4>()?[0] & BEGIN {
        0 => Err(Skip::LaterFragment),
        _ => read(piece.after(4)?),
    }
}

/// A frame of a bridged network (RFC 3518, section 4.2), if that is Ethernet.
fn bridged(packet: Layer<'_>) -> Result<Content, Skip> {
    const ETHERNET: u8 = 1;
    match packet.head::<2>()?[1] {
        ETHERNET => ethernet::read(packet.after(2)?),
        _ => Err(Skip::NotIp),
    }
}
