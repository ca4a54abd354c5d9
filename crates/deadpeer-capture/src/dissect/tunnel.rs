//! Tunnels that carry packets in the clear.

mod gre;
mod udp;

pub(super) use gre::read as gre;
pub(super) use udp::read as udp;

use super::{Content, Layer, Skip, ethernet, ip, mpls};

/// Reads what a Network Service Header (RFC 8300) stands before.
pub(super) fn nsh(packet: Layer<'_>) -> Result<Content, Skip> {
    let head = packet.head::<4>()?;
    let words = usize::from(head[1] & 0x3f);
    next_protocol(head[3], packet.after(words * 4)?)
}

/// Reads what the registry of "next protocols" that NSH and VXLAN-GPE share calls by this number.
fn next_protocol(number: u8, inner: Layer<'_>) -> Result<Content, Skip> {
    match number {
        1 | 2 => ip::read(inner),
        3 => ethernet::read(inner),
        4 => nsh(inner),
        5 => mpls::read(inner),
        _ => Err(Skip::NotIp),
    }
}
