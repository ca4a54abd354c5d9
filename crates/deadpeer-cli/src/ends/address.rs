//! Addresses as people write them for the two ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use crate::exit::Stop;

/// Where to listen. Without an address: on all of both families, or of IPv4 where there is no IPv6.
pub(super) fn to_listen(text: &str) -> Result<Vec<SocketAddr>, Stop> {
    let (host, port) = split(text)?;
    match host {
        "" | "*" => Ok([Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()]
            .map(|ip: IpAddr| SocketAddr::new(ip, port))
            .to_vec()),
        host => resolved(host, port),
    }
}

/// Where to connect to, in the order in which to try.
pub(super) fn to_connect(text: &str) -> Result<Vec<SocketAddr>, Stop> {
    match split(text)? {
        (_, 0) => Err(Stop::because(format!(
            "{text}: port 0 cannot be connected to"
        ))),
        ("", _) => Err(Stop::because(format!(
            "{text}: the host is missing, write HOST:PORT"
        ))),
        (host, port) => resolved(host, port),
    }
}

/// Host and port; an IPv6 address stands in brackets.
fn split(text: &str) -> Result<(&str, u16), Stop> {
    if text.is_empty() {
        return Err(Stop::because(
            "the address is empty, write for example localhost:8888",
        ));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let meant = match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => format!(":{text}"),
            false => format!("{text}:8888"),
        };
        return Err(Stop::because(format!(
            "{text}: the port is missing, write for example {meant}"
        )));
    };
    let port = port
        .parse()
        .map_err(|_| Stop::because(format!("{text}: '{port}' is not a port (0 to 65535)")))?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(host) => Ok((host, port)),
        None if host.contains(':') => Err(Stop::because(format!(
            "{text}: an IPv6 address goes in brackets, as in [::1]:8888"
        ))),
        None => Ok((host, port)),
    }
}

fn resolved(host: &str, port: u16) -> Result<Vec<SocketAddr>, Stop> {
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| Stop::because(format!("{host} has no address: {error}")))?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(Stop::because(format!("{host} has no address"))),
        false => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<Vec<SocketAddr>, Stop>) -> String {
        match result {
            Err(Stop::Failed(sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_addresses_are_both_families() {
        let both: Vec<SocketAddr> = ["[::]:8888", "0.0.0.0:8888"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        assert_eq!(to_listen(":8888").unwrap(), both);
        assert_eq!(to_listen("*:8888").unwrap(), both);
    }

    #[test]
    fn literal_addresses_stay_as_they_are() {
        for text in ["127.0.0.1:80", "[::1]:80", "[2001:db8::1]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(to_listen(text).unwrap(), [address]);
            assert_eq!(to_connect(text).unwrap(), [address]);
        }
    }

    #[test]
    fn every_refusal_says_what_to_write() {
        for (text, said) in [
            ("", "the address is empty"),
            ("8888", "write for example :8888"),
            ("example.org", "the port is missing"),
            ("::1:8888", "goes in brackets"),
            ("localhost:http", "'http' is not a port"),
            ("localhost:65536", "'65536' is not a port"),
            ("localhost:", "'' is not a port"),
            (":8888", "the host is missing"),
            ("localhost:0", "port 0"),
        ] {
            assert!(
                refused(to_connect(text)).contains(said),
                "{text}: {}",
                refused(to_connect(text))
            );
        }
        assert!(refused(to_listen("8888")).contains("the port is missing"));
    }
}
