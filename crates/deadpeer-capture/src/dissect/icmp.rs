//! ICMP errors (RFC 792, RFC 4443), tied to their connection by the header they quote.

use std::net::{IpAddr, Ipv6Addr};

use super::ip::{self, Header};
use super::segment::Endpoint;
use super::{Layer, Skip};

/// What an ICMP error says about the way to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
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
pub struct Complaint {
    /// Who complains: a router, or the destination itself.
    pub(crate) from: u128,
    /// What is wrong.
    pub trouble: Trouble,
    /// Who sent the quoted segment.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Its sequence number.
    pub seq: u32,
}

impl Complaint {
    /// Who complains: a router, or the destination itself.
    #[must_use]
    pub fn from(&self) -> IpAddr {
        Ipv6Addr::from(self.from).to_canonical()
    }
}

pub(super) fn read_v4(header: &Header, packet: Layer<'_>) -> Result<Complaint, Skip> {
    let head = packet.head::<8>()?;
    let trouble = match (head[0], head[1]) {
        (3, 0 | 6 | 11) => Trouble::NetworkUnreachable,
        (3, 1 | 7 | 8 | 12) => Trouble::HostUnreachable,
        (3, 3) => Trouble::PortUnreachable,
        (3, 9 | 10 | 13) => Trouble::Prohibited,
        (3, 4) => {
            let mtu = u32::from(u16::from_be_bytes([head[6], head[7]]));
            Trouble::TooBig((mtu > 0).then_some(mtu))
        }
        (11, _) => Trouble::HopsExceeded,
        (3 | 12, code) => Trouble::Other(head[0], code),
        _ => return Err(Skip::NotTcp),
    };
    quoted(header, trouble, packet.after(8)?)
}

pub(super) fn read_v6(header: &Header, packet: Layer<'_>) -> Result<Complaint, Skip> {
    let head = packet.head::<8>()?;
    let trouble = match (head[0], head[1]) {
        (1, 0) => Trouble::NetworkUnreachable,
        (1, 1 | 5 | 6) => Trouble::Prohibited,
        (1, 2 | 3) => Trouble::HostUnreachable,
        (1, 4) => Trouble::PortUnreachable,
        (2, _) => Trouble::TooBig(Some(u32::from_be_bytes([
            head[4], head[5], head[6], head[7],
        ]))),
        (3, _) => Trouble::HopsExceeded,
        (1 | 4, code) => Trouble::Other(head[0], code),
        _ => return Err(Skip::NotTcp),
    };
    quoted(header, trouble, packet.after(8)?)
}

/// The quoted packet: its IP header and at least the first 8 bytes of TCP.
fn quoted(header: &Header, trouble: Trouble, packet: Layer<'_>) -> Result<Complaint, Skip> {
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
    Ok(Complaint {
        from: header.source,
        trouble,
        source: Endpoint {
            address: ip.source,
            port: u16::from_be_bytes([tcp[0], tcp[1]]),
        },
        destination: Endpoint {
            address: ip.destination,
            port: u16::from_be_bytes([tcp[2], tcp[3]]),
        },
        seq: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
    })
}
