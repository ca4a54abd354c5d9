//! MPLS (RFC 3032): labels, of which none says what they carry.

use super::{Content, Layer, Skip, ethernet, ip};

/// Reads what a stack of labels carries: IP, or a frame of an Ethernet pseudowire (RFC 4448).
///
/// A pseudowire may have a control word, which begins with four zero bits so that nobody takes it
/// for IP (RFC 4385).
pub(super) fn read(mut packet: Layer<'_>) -> Result<Content, Skip> {
    const BOTTOM: u8 = 0x01;
    while packet.head::<4>()?[2] & BOTTOM == 0 {
        packet = packet.after(4)?;
    }
    let inner = packet.after(4)?;
    match inner.head::<1>()?[0] >> 4 {
        // An address of Ethernet may begin like IP does.
        4 | 6 => ip::read(inner).or_else(|why| ethernet::read(inner).map_err(|_| why)),
        0 => ethernet::read(inner.after(4)?).or_else(|_| ethernet::read(inner)),
        // The associated channel: talk of the routers about the pseudowire (RFC 5586).
        1 => Err(Skip::NotIp),
        _ => ethernet::read(inner),
    }
}
