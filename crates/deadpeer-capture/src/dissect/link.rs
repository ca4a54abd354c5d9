//! What stands before the network layer, by link type.

use super::{Content, Layer, Skip, ethernet, ip};
use crate::Link;

/// Reads a packet from its first byte on.
pub(super) fn read(link: Link, packet: Layer<'_>) -> Result<Content, Skip> {
    match link {
        Link::ETHERNET => ethernet::read(packet),
        Link::LINUX_SLL => {
            let head = packet.head::<16>()?;
            ethernet::carried(u16::from_be_bytes([head[14], head[15]]), packet.after(16)?)
        }
        Link::LINUX_SLL2 => {
            let head = packet.head::<20>()?;
            ethernet::carried(u16::from_be_bytes([head[0], head[1]]), packet.after(20)?)
        }
        // 12 and 14 are how some BSDs number it.
        Link::RAW | Link::IPV4 | Link::IPV6 | Link(12 | 14) => ip::read(packet),
        // The family's number differs between systems, the version of IP doesn't.
        Link::NULL | Link::LOOP => ip::read(packet.after(4)?),
        Link(_) => Err(Skip::UnknownLink),
    }
}
