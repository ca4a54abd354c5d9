//! Tunnels that carry packets in the clear: GRE (RFC 2784, 2890) and VXLAN (RFC 7348).

use super::{Content, Layer, Skip, ethernet};

/// The UDP port of VXLAN.
const VXLAN: u16 = 4789;

/// Reads what a GRE header wraps.
pub(super) fn gre(packet: Layer<'_>) -> Result<Content, Skip> {
    let head = packet.head::<4>()?;
    let flags = u16::from_be_bytes([head[0], head[1]]);
    // Routing (RFC 1701) is obsolete, and version 1 is PPTP.
    if flags & 0x4007 != 0 {
        return Err(Skip::NotTcp);
    }
    let optional = [0x8000, 0x2000, 0x1000];
    let fields = optional.iter().filter(|bit| flags & **bit != 0).count();
    let ethertype = u16::from_be_bytes([head[2], head[3]]);
    ethernet::carried(ethertype, packet.after(4 + 4 * fields)?)
}

/// Reads a UDP datagram, if it is VXLAN.
pub(super) fn udp(packet: Layer<'_>) -> Result<Content, Skip> {
    let head = packet.head::<8>()?;
    if u16::from_be_bytes([head[2], head[3]]) != VXLAN {
        return Err(Skip::NotTcp);
    }
    let inner = packet.after(8)?;
    let vxlan = inner.head::<8>()?;
    if vxlan[0] & 0x08 == 0 {
        return Err(Skip::NotTcp);
    }
    ethernet::read(inner.after(8)?)
}
