//! ICMP errors (RFC 792, RFC 4443), tied to their connection by the header they quote.

use std::net::{IpAddr, Ipv6Addr};

use super::ip::{self, Header};
use super::segment::Endpoint;
use super::{Layer, Skip};

/// What an ICMP error says about the way to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IcmpKind {
    /// Nobody answers for the host (EHOSTUNREACH).
    HostUnreachable,
    /// There is no way to its network (ENETUNREACH).
    NetworkUnreachable,
    /// The host has no such port; seen in place of a RST when a firewall rejects (ECONNREFUSED).
    PortUnreachable,
    /// A firewall prohibits it (EACCES or EHOSTUNREACH).
    Prohibited,
    /// The packet is longer than the way is wide, and may not be cut; the largest size that fits,
    /// if told.
    TooBig(Option<u32>),
    /// It went through too many routers: a loop.
    HopsExceeded,
    /// Another error: the type and code.
    Other(u8, u8),
}

/// An ICMP error about a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IcmpError {
    /// Who complains: a router, or the destination itself.
    pub(crate) from: u128,
    /// What is wrong.
    pub kind: IcmpKind,
    /// Who sent the quoted segment.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Its sequence number.
    pub seq: u32,
}

impl IcmpError {
    /// Who complains: a router, or the destination itself.
    #[must_use]
    pub fn from(&self) -> IpAddr {
        Ipv6Addr::from(self.from).to_canonical()
    }
}

pub(super) fn read_v4(header: &Header, packet: Layer<'_>) -> Result<IcmpError, Skip> {
    let head = packet.head::<8>()?;
    let kind = match (head[0], head[1]) {
        (3, 0 | 6 | 11) => IcmpKind::NetworkUnreachable,
        (3, 1 | 7 | 8 | 12) => IcmpKind::HostUnreachable,
        (3, 3) => IcmpKind::PortUnreachable,
        (3, 9 | 10 | 13) => IcmpKind::Prohibited,
        (3, 4) => {
            let mtu = u32::from(u16::from_be_bytes([head[6], head[7]]));
            IcmpKind::TooBig((mtu > 0).then_some(mtu))
        }
        (11, _) => IcmpKind::HopsExceeded,
        (3 | 12, code) => IcmpKind::Other(head[0], code),
        _ => return Err(Skip::NotTcp),
    };
    quoted(header, kind, packet.after(8)?)
}

pub(super) fn read_v6(header: &Header, packet: Layer<'_>) -> Result<IcmpError, Skip> {
    let head = packet.head::<8>()?;
    let kind = match (head[0], head[1]) {
        (1, 0) => IcmpKind::NetworkUnreachable,
        (1, 1 | 5 | 6) => IcmpKind::Prohibited,
        (1, 2 | 3) => IcmpKind::HostUnreachable,
        (1, 4) => IcmpKind::PortUnreachable,
        (2, _) => IcmpKind::TooBig(Some(u32::from_be_bytes([
            head[4], head[5], head[6], head[7],
        ]))),
        (3, _) => IcmpKind::HopsExceeded,
        (1 | 4, code) => IcmpKind::Other(head[0], code),
        _ => return Err(Skip::NotTcp),
    };
    quoted(header, kind, packet.after(8)?)
}

/// The quoted packet: its IP header and at least the first 8 bytes of TCP.
fn quoted(header: &Header, kind: IcmpKind, packet: Layer<'_>) -> Result<IcmpError, Skip> {
    // The quote may be shorter than the packet it is of, whose header still says how long that was.
    let quote = Layer {
        length: u32::MAX,
        ..packet
    };
    let (ip, payload) = ip::header(quote)?;
    if ip.protocol != ip::TCP {
        return Err(Skip::NotTcp);
    }
    let tcp = payload.head::<8>()?;
    Ok(IcmpError {
        from: header.source,
        kind,
        source: Endpoint::new(ip.source, u16::from_be_bytes([tcp[0], tcp[1]])),
        destination: Endpoint::new(ip.destination, u16::from_be_bytes([tcp[2], tcp[3]])),
        seq: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
    })
}
