//! Ethernet, its tags, and what an EtherType stands for.

use super::{Content, Layer, Skip, ip};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and what QinQ used before that.
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const QINQ_OLD: u16 = 0x9100;
/// PPP over Ethernet, while connected (RFC 2516).
const PPPOE: u16 = 0x8864;
/// An Ethernet frame within GRE (RFC 1701's list, "transparent Ethernet bridging").
const BRIDGED: u16 = 0x6558;

/// Reads an Ethernet frame.
pub(super) fn read(frame: Layer<'_>) -> Result<Content, Skip> {
    let head = frame.head::<14>()?;
    carried(u16::from_be_bytes([head[12], head[13]]), frame.after(14)?)
}

/// Reads what an EtherType announces.
pub(super) fn carried(mut ethertype: u16, mut inner: Layer<'_>) -> Result<Content, Skip> {
    loop {
        match ethertype {
            IPV4 | IPV6 => return ip::read(inner),
            BRIDGED => return read(inner),
            VLAN | QINQ | QINQ_OLD => {
                let tag = inner.head::<4>()?;
                ethertype = u16::from_be_bytes([tag[2], tag[3]]);
                inner = inner.after(4)?;
            }
            PPPOE => {
                let head = inner.head::<8>()?;
                ethertype = match u16::from_be_bytes([head[6], head[7]]) {
                    0x0021 => IPV4,
                    0x0057 => IPV6,
                    _ => return Err(Skip::NotIp),
                };
                inner = inner.after(8)?;
            }
            _ => return Err(Skip::NotIp),
        }
    }
}
