//! A packet's bytes as a TCP segment, or as an ICMP error about one.
//!
//! Every read is a checked slice, nothing is allocated, and nothing is followed more often than a
//! packet can nest honestly. A packet may be cut short by the capture: 16 bytes of the TCP header
//! suffice.

mod ethernet;
mod icmp;
mod ip;
mod link;
mod llc;
mod mpls;
mod opaque;
mod ppp;
mod segment;
mod tcp;
mod tunnel;
mod wifi;

pub use icmp::{IcmpError, IcmpKind};
pub use opaque::Opaque;
pub use segment::{Endpoint, Flags, Segment};

use crate::Link;

/// What a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A TCP segment.
    Tcp(Segment),
    /// An ICMP error about a TCP segment.
    Icmp(IcmpError),
}

/// Why a packet tells nothing about a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Skip {
    /// Neither IPv4 nor IPv6: ARP, LLDP and the like.
    NotIp,
    /// IP, but neither TCP nor an ICMP error about it.
    NotTcp,
    /// A fragment after the first: the TCP header is in the first.
    LaterFragment,
    /// The capture cut it before the header said enough.
    CutShort,
    /// Lengths or versions that contradict each other.
    Malformed,
    /// A link type without a reader here.
    UnknownLink(Link),
    /// Encrypted or compressed: it may carry TCP, and can't be looked into.
    Opaque(Opaque),
    /// Tunnels within tunnels within tunnels.
    NestedTooDeep,
}

/// So many headers may stand around an IP packet, tunnels and tags together.
const DEEPEST: u8 = 16;

/// Reads a packet that was `length` bytes long on the wire and begins with `link`.
///
/// # Errors
/// Why it tells nothing about a TCP connection.
pub fn dissect(link: Link, bytes: &[u8], length: u32) -> Result<Content, Skip> {
    let packet = Layer {
        bytes,
        length,
        depth: DEEPEST,
    };
    link::read(link, packet)
}

/// What is left of a packet from some header on.
#[derive(Debug, Clone, Copy)]
struct Layer<'a> {
    /// What was captured of it.
    bytes: &'a [u8],
    /// How long it was on the wire.
    length: u32,
    /// How many more headers may follow.
    depth: u8,
}

impl<'a> Layer<'a> {
    /// The header of `N` bytes that it begins with.
    fn head<const N: usize>(self) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk::<N>().ok_or(Skip::CutShort)
    }

    /// The number in network byte order at a place.
    fn u16_at(self, at: usize) -> Result<u16, Skip> {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        Ok(u16::from_be_bytes(*bytes.ok_or(Skip::CutShort)?))
    }

    /// What follows the first `n` bytes.
    fn after(self, n: usize) -> Result<Self, Skip> {
        let bytes = self.bytes.get(n..).ok_or(Skip::CutShort)?;
        let depth = self.depth.checked_sub(1).ok_or(Skip::NestedTooDeep)?;
        let length = self.length.saturating_sub(n as u32);
        Ok(Self {
            bytes,
            length,
            depth,
        })
    }

    /// The same, ending after `length` bytes: what the link layer padded is not part of it.
    fn ending(self, length: u32) -> Self {
        let length = length.min(self.length);
        let bytes = self.bytes.get(..length as usize).unwrap_or(self.bytes);
        Self {
            bytes,
            length,
            ..self
        }
    }
}
