//! Hosts and ports as people type them, and what somebody may have meant who mistyped a name.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};

use deadpeer_core::TcpState;
use deadpeer_host::Endpoint;
use deadpeer_host::filter::{self, port};
use deadpeer_host::table::Owners;

/// Ends of connections as they were typed. A host's name may stand for several addresses.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    typed: String,
    /// What it stands for: any of these.
    pub(crate) endpoints: Vec<Endpoint>,
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// An address, prefix or host, a port or service, or both.
pub(crate) fn ends(text: &str) -> Result<Ends, String> {
    let typed = text.to_owned();
    let plain = match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            let endpoints = vec![endpoint];
            return Ok(Ends { typed, endpoints });
        }
        Err(error) => error.to_string(),
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, end)) if !host.contains(':') || host.starts_with('[') => {
            (host, Some(port(end).map_err(|_| plain.clone())?))
        }
        Some(_) | None => (text, None),
    };
    if let Some(Ok(endpoint)) = port.map(|port| format!("{host}:{port}").parse()) {
        let endpoints = vec![endpoint];
        return Ok(Ends { typed, endpoints });
    }
    let endpoints: Vec<Endpoint> = addresses(host)
        .into_iter()
        .filter_map(|address| match (address, port) {
            (_, None) => address.to_string().parse().ok(),
            (IpAddr::V4(v4), Some(port)) => format!("{v4}:{port}").parse().ok(),
            (IpAddr::V6(v6), Some(port)) => format!("[{v6}]:{port}").parse().ok(),
        })
        .collect();
    match endpoints.is_empty() {
        true => Err(format!("{plain}, and there is no host of this name")),
        false => Ok(Ends { typed, endpoints }),
    }
}

/// Those of a host, as this machine knows it. "localhost" is all of them that mean this machine.
fn addresses(host: &str) -> Vec<IpAddr> {
    let found = (host, 0).to_socket_addrs();
    let mut addresses: Vec<IpAddr> = found.into_iter().flatten().map(|end| end.ip()).collect();
    if host.eq_ignore_ascii_case("localhost") {
        addresses.extend([
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]);
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// A state by any of its names; what is none is refused with those there are.
pub(crate) fn state(text: &str) -> Result<TcpState, String> {
    filter::state(text).map_err(|refused| {
        let names: BTreeSet<&str> = TcpState::ALL.iter().map(|state| state.name()).collect();
        let list = names.iter().copied().collect::<Vec<_>>().join(", ");
        match similar(text, names) {
            Some(close) => format!("{refused}, did you mean {close}? There are {list}"),
            None => format!("{refused}, there are {list}"),
        }
    })
}

/// The name of a running process that somebody may have meant; `None`: there is none, or one that
/// is called just so. What has a wildcard is no name.
pub(crate) fn process_like(typed: &str) -> Option<String> {
    if typed.contains(['*', '?']) {
        return None;
    }
    let owners = Owners::scan().ok()?;
    let names = owners
        .processes()
        .iter()
        .flat_map(|one| [one.name(), one.comm()]);
    let names: BTreeSet<&str> = names
        .filter_map(|name| std::str::from_utf8(name).ok())
        .collect();
    if names.contains(typed) {
        return None;
    }
    similar(typed, names).map(str::to_owned)
}

/// The name that somebody may have meant.
pub(crate) fn similar<'n>(
    typed: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let close = |name: &'n str| (strsim::jaro_winkler(typed, name), name);
    let closest = names
        .into_iter()
        .map(close)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    closest
        .filter(|(close, _)| *close >= 0.8)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_is_none_is_met_with_one_that_is_like_it() {
        assert_eq!(state("CLOSE_WAIT"), Ok(TcpState::CloseWait));
        let refused = state("clos-wait").unwrap_err();
        assert!(refused.contains("did you mean close-wait?"), "{refused}");
    }

    #[test]
    fn hosts_stand_for_their_addresses() {
        let contains = |text: &str, end: &str| {
            let ends = ends(text).unwrap();
            let end = end.parse().unwrap();
            ends.endpoints.iter().any(|endpoint| endpoint.contains(end))
        };
        assert!(contains("localhost", "127.0.0.1:7000"));
        assert!(contains("localhost", "[::1]:7000"));
        assert!(contains("localhost:7000", "[::1]:7000"));
        assert!(!contains("localhost:7001", "127.0.0.1:7000"));
        assert!(contains("10.0.0.0/8:7000", "10.2.3.4:7000"));
        assert_eq!(
            ends("localhost:7000").unwrap().to_string(),
            "localhost:7000"
        );
    }
}
