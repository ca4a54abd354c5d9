//! One end of a connection as a filter writes it: an address, a prefix, a port, or both.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// An address or prefix, a port, or both.
///
/// Written `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1:443`, `10.0.0.0/8:443`,
/// `[::1]:443`, `[2001:db8::/32]:443` or `:443`. An IPv4 prefix also contains IPv4 connections of
/// IPv6 sockets, and `[::ffff:192.0.2.1]:443` means the same as `192.0.2.1:443`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    prefix: Option<IpNet>,
    port: Option<u16>,
}

impl Endpoint {
    /// Every port of the addresses in `prefix`.
    #[must_use]
    pub fn prefix(prefix: IpNet) -> Self {
        Self {
            prefix: Some(prefix),
            port: None,
        }
    }

    /// This port of every address.
    #[must_use]
    pub fn port(port: u16) -> Self {
        Self {
            prefix: None,
            port: Some(port),
        }
    }

    /// Whether `address` is meant.
    #[must_use]
    pub fn contains(&self, address: SocketAddr) -> bool {
        self.prefix
            .is_none_or(|prefix| prefix.contains(&address.ip().to_canonical()))
            && self.port.is_none_or(|port| port == address.port())
    }
}

/// Text that names no end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not an address, prefix or address:port (such as 10.0.0.0/8, 192.0.2.1:443, [::1]:443 or :443)"
)]
pub struct EndpointError {
    /// The text.
    pub text: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| EndpointError {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Endpoint> {
    if let Some(prefix) = parse_prefix(text) {
        return Some(Endpoint::prefix(canonical(prefix)));
    }
    let (address, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bracketed = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let prefix = match (address, bracketed) {
        ("", _) => None,
        (_, Some(v6)) => Some(parse_prefix(v6).filter(|prefix| matches!(prefix, IpNet::V6(_)))?),
        (v4, None) => Some(parse_prefix(v4).filter(|prefix| matches!(prefix, IpNet::V4(_)))?),
    };
    Some(Endpoint {
        prefix: prefix.map(canonical),
        port: Some(port),
    })
}

/// What the IPv4 connections of IPv6 sockets have (`[::ffff:192.0.2.1]`, as ss(8) shows it) is
/// IPv4.
fn canonical(prefix: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let len = prefix.prefix_len().checked_sub(MAPPED);
    match (prefix.addr().to_canonical(), len) {
        (IpAddr::V4(v4), Some(len)) if matches!(prefix, IpNet::V6(_)) => {
            Ipv4Net::new(v4, len).map_or(prefix, IpNet::V4)
        }
        _ => prefix,
    }
}

/// An address alone is the prefix of its full length. Bits behind the prefix are ignored.
fn parse_prefix(text: &str) -> Option<IpNet> {
    let address = text.parse().map(|address: IpAddr| IpNet::from(address));
    let prefix = address.or_else(|_| text.parse::<IpNet>()).ok()?;
    Some(prefix.trunc())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.prefix, self.port) {
            (Some(prefix), None) => write!(f, "{}", Short(prefix)),
            (Some(prefix @ IpNet::V4(_)), Some(port)) => write!(f, "{}:{port}", Short(prefix)),
            (Some(prefix @ IpNet::V6(_)), Some(port)) => write!(f, "[{}]:{port}", Short(prefix)),
            (None, Some(port)) => write!(f, ":{port}"),
            (None, None) => f.write_str("any"),
        }
    }
}

/// A prefix of full length shown as the address it is.
struct Short(IpNet);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(endpoint: &str, address: &str) -> bool {
        let endpoint: Endpoint = endpoint.parse().unwrap();
        endpoint.contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_prefixes_and_ports() {
        assert!(contains("192.0.2.1", "192.0.2.1:80"));
        assert!(!contains("192.0.2.1", "192.0.2.2:80"));
        assert!(contains("192.0.2.0/24", "192.0.2.2:80"));
        assert!(contains("192.0.2.7/24", "192.0.2.2:80"));
        assert!(contains("192.0.2.1:80", "192.0.2.1:80"));
        assert!(!contains("192.0.2.1:80", "192.0.2.1:81"));
        assert!(contains("10.0.0.0/8:443", "10.1.2.3:443"));
        assert!(contains(":443", "[::1]:443"));
        assert!(contains("::1", "[::1]:443"));
        assert!(contains("[::1]:443", "[::1]:443"));
        assert!(contains("[2001:db8::/32]:443", "[2001:db8::9]:443"));
        assert!(!contains("2001:db8::/32", "[2001:db9::9]:443"));
        assert!(contains("::/0", "[::1]:1"));
        assert!(!contains("::/0", "192.0.2.1:1"));
        assert!(contains("192.0.2.1", "[::ffff:192.0.2.1]:80"));
        assert!(contains("[::ffff:192.0.2.1]:80", "192.0.2.1:80"));
        assert!(contains("[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.1]:80"));
        assert!(contains("::ffff:192.0.2.0/120", "192.0.2.7:80"));
        assert!(!contains("::ffff:192.0.2.1", "192.0.2.2:80"));
    }

    #[test]
    fn what_is_none_is_refused_with_the_text() {
        for text in [
            "",
            ":",
            ":0",
            "x",
            "192.0.2.1:",
            "192.0.2.1:99999",
            "192.0.2.1/33",
            "[::1]",
            "[192.0.2.1]:80",
            "host:80",
            "::1/129",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert_eq!(error.text, text);
        }
    }

    #[test]
    fn shown_as_written() {
        for text in [
            "192.0.2.1",
            "10.0.0.0/8",
            "10.0.0.0/8:443",
            "[::1]:443",
            "[2001:db8::/32]:443",
            ":443",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }
}
