//! The networks that peers are counted by.

use std::net::IpAddr;

use ipnet::IpNet;

/// Peers of one provider's NAT or one office are within this, as a rule.
const IPV4: u8 = 24;
/// What a site gets (RFC 6177, section 2).
const IPV6: u8 = 48;

/// The network that a peer is counted with: its /24 of IPv4 or /48 of IPv6.
#[must_use]
pub fn network(peer: IpAddr) -> IpNet {
    let length = match peer {
        IpAddr::V4(_) => IPV4,
        IpAddr::V6(_) => IPV6,
    };
    IpNet::new(peer, length).map_or_else(|_| peer.into(), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_counted_by_network() {
        for (peer, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:7:8::9", "2001:db8:7::/48"),
        ] {
            assert_eq!(network(peer.parse().unwrap()).to_string(), expected);
        }
    }
}
