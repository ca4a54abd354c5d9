//! What may carry TCP and cannot be looked into.

use std::fmt;

/// Packets that may carry TCP, encrypted or compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Opaque {
    /// IPsec's encrypted payload (RFC 4303), bare or within UDP.
    Ipsec,
    /// Compressed IP payload (RFC 3173).
    IpComp,
    /// WireGuard's data.
    WireGuard,
    /// OpenVPN.
    OpenVpn,
    /// DTLS around the data of an access point (RFC 5415).
    Dtls,
    /// An encrypted Ethernet frame (IEEE 802.1AE).
    Macsec,
    /// An encrypted frame of a wireless network (IEEE 802.11).
    Wifi,
    /// PPP, encrypted (RFC 1968).
    PppEncrypted,
    /// PPP, compressed (RFC 1962) or encrypted by what looks like it (RFC 3078).
    PppCompressed,
    /// TCP whose headers are compressed (RFC 1144, 2507, 3095).
    CompressedHeaders,
    /// L2TP version 3 (RFC 3931), whose header's length only its ends know.
    L2tpV3,
}

/// As in "3 packets are IPsec".
impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipsec => "IPsec",
            Self::IpComp => "IPComp",
            Self::WireGuard => "WireGuard",
            Self::OpenVpn => "OpenVPN",
            Self::Dtls => "DTLS",
            Self::Macsec => "MACsec",
            Self::Wifi => "encrypted 802.11",
            Self::PppEncrypted => "encrypted PPP",
            Self::PppCompressed => "compressed PPP",
            Self::CompressedHeaders => "TCP with compressed headers",
            Self::L2tpV3 => "L2TPv3",
        })
    }
}
