//! The ends of the wire and their addresses, which follow from a number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of the IPv4 prefix of every link.
pub const PREFIX_V4: u8 = 24;

/// Length of the IPv6 prefix of every link.
pub const PREFIX_V6: u8 = 64;

/// One end of the wire, counted from 0: the link to one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End(pub u8);

impl End {
    /// How many ends a wire can have.
    pub const MOST: usize = 255;

    /// The place of this end in a list of all.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Somebody on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Station {
    /// The Ethernet address.
    pub mac: [u8; 6],
    /// The IPv4 address.
    pub v4: Ipv4Addr,
    /// The IPv6 address.
    pub v6: Ipv6Addr,
}

/// The link between the router and one host; a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Where it is on the wire.
    pub end: End,
    /// The host.
    pub host: Station,
    /// The router, as this host sees it.
    pub gateway: Station,
}

impl Link {
    /// The link of an end: `10.77.N.0/24` and `fd77:0:0:N::/64`, the router with 1, the host
    /// with 2.
    #[must_use]
    pub fn of(end: End) -> Self {
        let station = |last: u8| Station {
            mac: [0x02, 0xde, 0xad, 0, end.0, last],
            v4: Ipv4Addr::new(10, 77, end.0, last),
            v6: Ipv6Addr::new(0xfd77, 0, 0, end.0.into(), 0, 0, 0, last.into()),
        };
        Self {
            end,
            host: station(2),
            gateway: station(1),
        }
    }

    /// Whether an address lies in the network of this link.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4.octets()[..3] == self.host.v4.octets()[..3],
            IpAddr::V6(v6) => v6.segments()[..4] == self.host.v6.segments()[..4],
        }
    }
}
