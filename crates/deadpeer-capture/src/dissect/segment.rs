//! A TCP segment as far as the story of its connection needs it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// One end of a connection: an address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// An IPv6 address, or an IPv4 address mapped into IPv6: one comparison for both. As bytes it
    /// needs no alignment, of which there are two in each conversation.
    address: [u8; 16],
    /// The TCP port.
    pub port: u16,
}

impl Endpoint {
    /// Of the address as a number, mapped into IPv6.
    pub(crate) fn new(bits: u128, port: u16) -> Self {
        Self {
            address: bits.to_be_bytes(),
            port,
        }
    }

    /// The address as a number, mapped into IPv6.
    pub(crate) fn bits(self) -> u128 {
        u128::from_be_bytes(self.address)
    }

    /// The address as the number that it is kept as.
    pub(crate) fn v4(octets: [u8; 4]) -> u128 {
        0xffff_0000_0000 | u128::from(u32::from_be_bytes(octets))
    }

    /// The address, IPv4 or IPv6.
    #[must_use]
    pub fn address(self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let v6 = match address.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self {
            address: v6.octets(),
            port: address.port(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address(), self.port).fmt(f)
    }
}

/// The control bits of a segment (RFC 9293, section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// The begin of a connection.
    pub const SYN: Self = Self(0x02);
    /// The end of a connection, at once.
    pub const RST: Self = Self(0x04);
    /// To be handed to the application now.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x10);

    /// Whether any of `flags` is set.
    #[must_use]
    pub fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// As tcpdump writes them: `S`, `S.`, `P.`, `.`, `R`; `none` for none.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(u8, char); 8] = [
            (0x01, 'F'),
            (0x02, 'S'),
            (0x04, 'R'),
            (0x08, 'P'),
            (0x10, '.'),
            (0x20, 'U'),
            (0x40, 'E'),
            (0x80, 'W'),
        ];
        if self.0 == 0 {
            return f.write_str("none");
        }
        for (_, letter) in LETTERS.iter().filter(|(bit, _)| self.0 & bit != 0) {
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// The sequence number of its first byte.
    pub seq: u32,
    /// The sequence number that the sender expects next, if the flag ACK is set.
    pub ack: u32,
    /// The control bits.
    pub flags: Flags,
    /// The receive window, not scaled.
    pub window: u16,
    /// Bytes of payload on the wire, captured or not.
    pub length: u32,
    /// The first byte of the payload, if it was captured.
    pub first_byte: Option<u8>,
    /// The shift count of the window scale option; only SYNs have one (RFC 7323).
    pub window_scale: Option<u8>,
    /// The timestamps option: value and echo (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
    /// The TCP checksum, where it was captured; what the network card fills in later is not in it
    /// yet.
    pub checksum: Option<u16>,
    /// TTL or hop limit of the packet.
    pub hops: u8,
    /// The identification of the IPv4 packet.
    pub ip_id: Option<u16>,
    /// Whether fragments with more of it follow.
    pub fragmented: bool,
}

impl Segment {
    /// How far it moves the sequence number: a SYN and a FIN count as a byte each.
    #[must_use]
    pub fn span(&self) -> u32 {
        let controls =
            u32::from(self.flags.any(Flags::SYN)) + u32::from(self.flags.any(Flags::FIN));
        self.length.saturating_add(controls)
    }

    /// Whether it acknowledges and does nothing else.
    #[must_use]
    pub fn is_bare_acknowledgment(&self) -> bool {
        let controls = Flags::SYN.and(Flags::FIN).and(Flags::RST);
        self.length == 0 && self.flags.any(Flags::ACK) && !self.flags.any(controls)
    }

    /// Whether it asks to open a connection.
    pub(crate) fn opens(&self) -> bool {
        self.flags.any(Flags::SYN) && !self.flags.any(Flags::ACK)
    }

    /// The sequence number after it.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.span())
    }
}
