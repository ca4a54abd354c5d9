//! Which connections are shown.

use std::net::IpAddr;
use std::str::FromStr;

use deadpeer_capture::Endpoint;
use ipnet::IpNet;

/// By their ends; what is empty chooses everything.
#[derive(Debug, Clone, Default)]
pub(super) struct EndsFilter {
    pub(super) ports: Vec<u16>,
    pub(super) hosts: Vec<HostArg>,
}

impl EndsFilter {
    /// Whether a connection between these ends is shown.
    pub(super) fn matches(&self, ends: [Endpoint; 2]) -> bool {
        let port = |end: Endpoint| self.ports.contains(&end.port);
        let host = |end: Endpoint| (self.hosts.iter()).any(|host| host.0.contains(&end.address()));
        (self.ports.is_empty() || ends.into_iter().any(port))
            && (self.hosts.is_empty() || ends.into_iter().any(host))
    }
}

/// An address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostArg(IpNet);

impl FromStr for HostArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address
            .or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| "neither an address nor a prefix".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_prefixes_are_hosts() {
        for (host, address, within) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("fd00::/8", "fdaa::1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            let host: HostArg = host.parse().unwrap();
            assert_eq!(host.0.contains(&address.parse::<IpAddr>().unwrap()), within);
        }
        assert!("localhost".parse::<HostArg>().is_err());
    }
}
